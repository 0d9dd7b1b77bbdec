package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/kukeon/kuke/executor/internal/netns"
)

func routesIn(t *testing.T, ns string) string {
	t.Helper()
	return command(t, "nsenter", "--net="+ns, "ip", "-4", "route")
}

// nothingIsLeft fails the test when there are ports or cached results of anybody.
func nothingIsLeft(t *testing.T, h *Host) {
	t.Helper()
	if rules := command(t, "iptables-save", "-t", "nat"); strings.Contains(rules, "CNI-DN") {
		t.Errorf("rules: %s", rules)
	}
	if files, err := os.ReadDir(filepath.Join(h.config.CacheDir, "results")); !errors.Is(err, fs.ErrNotExist) && len(files) > 0 {
		t.Errorf("files in the cache: %v, %v", files, err)
	}
}

func TestTwoNetworksAndOneDefaultRoute(t *testing.T) {
	h := newHost(t)
	one, two := numbered(1), numbered(2)
	create(t, h, one)
	create(t, h, two)
	a := attachment(one, pin(t, "dual"), 2)
	b := attachment(two, a.NetNS, 9)
	b.Interface, b.DefaultRoute = "eth1", false
	for _, x := range []Attachment{a, b} {
		must(t, h.Attach(context.Background(), x))
	}
	found, _, err := Addresses(a.NetNS)
	if err != nil || len(found) != 2 || found["eth0"].String() != "10.88.1.2/24" || found["eth1"].String() != "10.88.2.9/24" {
		t.Errorf("addresses %v, %v", found, err)
	}
	routes := routesIn(t, a.NetNS)
	if strings.Count(routes, "default") != 1 || !strings.Contains(routes, "default via 10.88.1.1 dev eth0") {
		t.Errorf("routes: %s", routes)
	}
	must(t, h.Detach(context.Background(), a))
	if found, _, err := Addresses(a.NetNS); err != nil || len(found) != 1 || !found["eth1"].IsValid() {
		t.Errorf("addresses %v, %v", found, err)
	}
	must(t, h.Detach(context.Background(), b))
}

func TestAddressesOfNothing(t *testing.T) {
	needLab(t)
	if _, _, err := Addresses("/run/kuke-test-network/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	stale := filepath.Join(t.TempDir(), "stale")
	must(t, os.WriteFile(stale, nil, 0o444))
	if _, _, err := Addresses(stale); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	if found, _, err := Addresses(pin(t, "empty")); err != nil || len(found) != 0 {
		t.Errorf("addresses %v, %v", found, err)
	}
}

func TestFailedAttachLeavesNothing(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	a := attachment(n, pin(t, "failing"), 2, PortMapping{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"})
	if err := h.Attach(context.Background(), a); err == nil || !strings.Contains(err.Error(), "bridge kuke-t1 is missing") {
		t.Errorf("error without a bridge: %v", err)
	}
	create(t, h, n)
	// iptables fails half-way, after the rules of the first port.
	bad := a
	bad.Ports = append(bad.Ports, PortMapping{HostPort: 8081, ContainerPort: 80, Protocol: "none"})
	if err := h.Attach(context.Background(), bad); err == nil {
		t.Error("no error")
	}
	// The context ends before the plugins do.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Attach(ctx, a); err == nil {
		t.Error("no error")
	}
	stranger := a
	stranger.Address = netip.MustParseAddr("10.88.2.2")
	if err := h.Attach(context.Background(), stranger); err == nil {
		t.Error("no error")
	}
	if found, _, err := Addresses(a.NetNS); err != nil || len(found) > 0 {
		t.Errorf("addresses %v, %v", found, err)
	}
	nothingIsLeft(t, h)
	// An interface that was there before stays.
	must(t, h.Attach(context.Background(), a))
	if err := h.Attach(context.Background(), a); err == nil || !strings.Contains(err.Error(), "exists already") {
		t.Errorf("error %v", err)
	}
	if found, _, err := Addresses(a.NetNS); err != nil || len(found) != 1 {
		t.Errorf("addresses %v, %v", found, err)
	}
	must(t, h.Detach(context.Background(), a))
}

func TestDetachOfWhatIsGone(t *testing.T) {
	h := newHost(t)
	ctx := context.Background()
	n := numbered(1)
	create(t, h, n)
	port := PortMapping{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}
	for name, lose := range map[string]func(a Attachment){
		"nothing": func(Attachment) {},
		"pin":     func(a Attachment) { must(t, netns.Remove(a.NetNS)) },
		"stale pin": func(a Attachment) {
			must(t, netns.Remove(a.NetNS))
			must(t, os.WriteFile(a.NetNS, nil, 0o444))
		},
		"interface": func(a Attachment) {
			must(t, within(t, a.NetNS, func() error {
				link, err := netlink.LinkByName("eth0")
				if err != nil {
					return err
				}
				return netlink.LinkDel(link)
			}))
		},
		"bridge": func(Attachment) {
			must(t, removeBridge(n))
		},
	} {
		for _, ports := range [][]PortMapping{nil, {port}} {
			create(t, h, n)
			a := attachment(n, pin(t, "losing"), 2, ports...)
			must(t, h.Attach(ctx, a))
			lose(a)
			for range 2 {
				if err := h.Detach(ctx, a); err != nil {
					t.Errorf("without its %s: %v", name, err)
				}
				a.Address = netip.Addr{} // isn't needed
			}
			nothingIsLeft(t, h)
			if found, _, err := Addresses(a.NetNS); err == nil && len(found) > 0 {
				t.Errorf("addresses %v", found)
			}
		}
	}
}

func BenchmarkAttachDetach(b *testing.B) {
	h := newHost(b)
	n := numbered(1)
	create(b, h, n)
	for name, ports := range map[string][]PortMapping{
		"plain": nil, "published": {{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
	} {
		a := attachment(n, pin(b, "bench"), 2, ports...)
		b.Run(name+"/attach", func(b *testing.B) {
			for b.Loop() {
				must(b, h.Attach(context.Background(), a))
				b.StopTimer()
				must(b, h.Detach(context.Background(), a))
				b.StartTimer()
			}
		})
		b.Run(name+"/detach", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				must(b, h.Attach(context.Background(), a))
				b.StartTimer()
				must(b, h.Detach(context.Background(), a))
			}
		})
	}
	b.Run("create", func(b *testing.B) {
		for b.Loop() {
			create(b, h, n)
		}
	})
}

// The first attachment that publishes a port creates the chains for all of them.
func TestFirstPublishedAtOnce(t *testing.T) {
	h := newHost(t)
	for round := range 10 {
		n := numbered(60)
		_, err := h.Create(n)
		must(t, err)
		var wg sync.WaitGroup
		for i := range 4 {
			port := uint16(18000 + i)
			a := attachment(n, pin(t, fmt.Sprintf("first-%d-%d", round, i)), byte(10+i), PortMapping{HostPort: port, ContainerPort: 80, Protocol: "tcp"})
			wg.Go(func() {
				if err := h.Attach(t.Context(), a); err != nil {
					t.Error(err)
				}
				must(t, h.Detach(t.Context(), a))
			})
		}
		wg.Wait()
		must(t, h.Remove(n))
	}
}
