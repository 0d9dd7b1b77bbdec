package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/internal/netns"
)

// envPlugins names another directory of CNI plugins to repeat the tests with.
const envPlugins = "KUKE_TEST_CNI"

// labHost is the pin of the lab's own network namespace.
const labHost = ""

func newHost(t testing.TB) *Host {
	t.Helper()
	needLab(t)
	dirs := []string{"/usr/lib/cni", "/opt/cni/bin"}
	if dir := os.Getenv(envPlugins); dir != "" {
		dirs = []string{dir}
	}
	dir := t.TempDir()
	h := New(Config{PluginDirs: dirs, ConfDir: filepath.Join(dir, "net.d"), CacheDir: filepath.Join(dir, "run", "cni")})
	if missing := h.MissingPlugins(true, false); len(missing) > 0 {
		t.Fatalf("these are missing: %v", missing)
	}
	return h
}

// numbered is the network 10.88.<i>.0/24.
func numbered(i int) Network {
	return Network{
		Name: fmt.Sprintf("kukeon-test-%d", i), Bridge: fmt.Sprintf("kuke-t%d", i), ConflistFile: fmt.Sprintf("test-%d.conflist", i),
		Subnet:  netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 88, byte(i), 0}), 24),
		Gateway: netip.AddrFrom4([4]byte{10, 88, byte(i), 1}),
	}
}

func create(t testing.TB, h *Host, n Network) (digest string) {
	t.Helper()
	digest, err := h.Create(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Remove(n); err != nil {
			t.Error(err)
		}
	})
	return digest
}

// pin makes a network namespace for the test.
func pin(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join("/run/kuke-test-network", name)
	if err := netns.Create(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := netns.Remove(path); err != nil {
			t.Error(err)
		}
	})
	return path
}

// host returns the address of n that ends in i.
func (n *Network) host(i byte) netip.Addr {
	a := n.Subnet.Addr().As4()
	a[3] = i
	return netip.AddrFrom4(a)
}

func attachment(n Network, pin string, i byte, ports ...PortMapping) Attachment {
	return Attachment{
		ID: filepath.Base(pin), NetNS: pin, Interface: "eth0", Network: n, Address: n.host(i), DefaultRoute: true, Ports: ports,
	}
}

// cell makes a network namespace that is attached to n.
func cell(t testing.TB, h *Host, n Network, i byte, ports ...PortMapping) Attachment {
	t.Helper()
	a := attachment(n, pin(t, fmt.Sprintf("%s-%d", n.Bridge, i)), i, ports...)
	if err := h.Attach(context.Background(), a); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Detach(context.Background(), a); err != nil {
			t.Error(err)
		}
	})
	return a
}

// within runs f in the network namespace pinned at path. Sockets that f makes stay there.
func within(t testing.TB, path string, f func() error) error {
	t.Helper()
	if path == labHost {
		return f()
	}
	ns, err := vnetns.GetFromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	failed := make(chan error)
	go func() {
		// Never unlocked, which ends the thread.
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			go func() { failed <- within(t, path, f) }()
			select {} // the main thread must stay where it is
		}
		if err := vnetns.Set(ns); err != nil {
			failed <- err
			return
		}
		failed <- f()
	}()
	return <-failed
}

// serve answers everybody on an address in a namespace with the address that they come from.
func serve(t testing.TB, ns, network, address string) {
	t.Helper()
	err := within(t, ns, func() error {
		if strings.HasPrefix(network, "udp") {
			c, err := net.ListenPacket(network, address)
			if err != nil {
				return err
			}
			t.Cleanup(func() { c.Close() })
			go func() {
				buf := make([]byte, 100)
				for {
					_, from, err := c.ReadFrom(buf)
					if err != nil {
						return
					}
					_, _ = c.WriteTo([]byte(from.String()), from)
				}
			}()
			return nil
		}
		l, err := net.Listen(network, address)
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte(c.RemoteAddr().String()))
				c.Close()
			}
		}()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever is let through may be slow on a busy machine; whoever isn't need not be waited for as long.
const patience, impatience = 5 * time.Second, 300 * time.Millisecond

// ask returns from which address somebody who is served sees us.
func ask(t testing.TB, ns, network, address string, timeout time.Duration) (seen netip.Addr, err error) {
	t.Helper()
	err = within(t, ns, func() error {
		c, err := net.DialTimeout(network, address, timeout)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		if network == "udp" {
			if _, err := c.Write([]byte("hello")); err != nil {
				return err
			}
		}
		buf := make([]byte, 100)
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		from, err := netip.ParseAddrPort(string(buf[:n]))
		seen = from.Addr().Unmap()
		return err
	})
	return seen, err
}

// reach fails the test unless there is an answer, or none, as wanted.
func reach(t testing.TB, want bool, ns, network, address string) {
	t.Helper()
	timeout := impatience
	if want {
		timeout = patience
	}
	if _, err := ask(t, ns, network, address, timeout); (err == nil) != want {
		t.Errorf("%s %s from %q: want an answer: %v, got error %v", network, address, ns, want, err)
	}
}

// outside makes a namespace that is reached through the host as 192.0.2.2 and 192.0.2.3, and knows only the host's own
// 192.0.2.1.
func outside(t testing.TB) string {
	t.Helper()
	path := pin(t, "outside")
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "uplink"
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: "up"}
	must(t, netlink.LinkAdd(veth))
	t.Cleanup(func() { _ = netlink.LinkDel(veth) })
	peer, err := netlink.LinkByName("up")
	must(t, err)
	ns, err := vnetns.GetFromPath(path)
	must(t, err)
	defer ns.Close()
	must(t, netlink.LinkSetNsFd(peer, int(ns)))
	must(t, addAddress("uplink", "192.0.2.1/24"))
	must(t, within(t, path, func() error {
		if err := addAddress("up", "192.0.2.2/24"); err != nil {
			return err
		}
		return addAddress("up", "192.0.2.3/24")
	}))
	return path
}

// linkAddress looks up a link, and reads an address for it.
func linkAddress(link, address string) (netlink.Link, *netlink.Addr, error) {
	l, err := netlink.LinkByName(link)
	if err != nil {
		return nil, nil, err
	}
	a, err := netlink.ParseAddr(address)
	return l, a, err
}

func addAddress(link, address string) error {
	l, a, err := linkAddress(link, address)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(l, a); err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

func removeAddress(link, address string) error {
	l, a, err := linkAddress(link, address)
	if err != nil {
		return err
	}
	return netlink.AddrDel(l, a)
}

func addRoute(destination, via string) error {
	dst, err := netlink.ParseIPNet(destination)
	if err != nil {
		return err
	}
	return netlink.RouteAdd(&netlink.Route{Dst: dst, Gw: net.ParseIP(via)})
}

// addIPv6 gives a link an IPv6 address that is good at once.
func addIPv6(link, address string) error {
	l, a, err := linkAddress(link, address)
	if err != nil {
		return err
	}
	a.Flags = unix.IFA_F_NODAD
	return netlink.AddrAdd(l, a)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
