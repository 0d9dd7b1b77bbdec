package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
)

// command runs a program in the lab and returns its output.
func command(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func drift(t *testing.T, h *Host, n Network, digest string) []string {
	t.Helper()
	found, err := h.Drift(n, digest)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestDigestIsStable(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	n.Deny = true
	n.Allow = []Allow{
		{Destination: netip.MustParsePrefix("192.0.2.7/24"), Protocol: "tcp", First: 80, Last: 90},
		{Destination: netip.MustParsePrefix("2001:db8::/32")},
	}
	first := create(t, h, n)
	other := numbered(2)
	for range 3 {
		create(t, h, other)
		if again := create(t, h, n); again != first {
			t.Errorf("digest %s, then %s", first, again)
		}
		if found := drift(t, h, n, first); found != nil {
			t.Errorf("drift: %q", found)
		}
	}
	n.Allow[0].Last++
	if again := create(t, h, n); again == first {
		t.Error("another port gives the same digest")
	}
}

// A few thousand rules don't fit into a socket's buffers as they are.
func TestManyAllowedDestinations(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	n.Deny = true
	for i := range 1000 {
		n.Allow = append(n.Allow, Allow{
			Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), 32),
			Protocol:    "tcp", First: 1, Last: 1000,
		})
	}
	digest := create(t, h, n)
	if found := drift(t, h, n, digest); found != nil {
		t.Errorf("drift: %q", found)
	}
	if rules := strings.Count(command(t, "nft", "list", "table", "inet", "kukeon_test_1"), "192.0."); rules != 2000 {
		t.Errorf("%d rules", rules)
	}
}

func TestDriftIsFoundAndMended(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	n.Deny = true
	digest := create(t, h, n)
	path := h.conflistPath(n)
	table := func(args string) func() {
		return func() { command(t, "nft", strings.Fields(args)...) }
	}
	ip := func(args string) func() {
		return func() { command(t, "ip", strings.Fields(args)...) }
	}
	const changed = "firewall table inet kukeon_test_1 was changed"
	for _, c := range []struct {
		change func()
		want   []string
	}{
		{func() {}, nil},
		{ip("link del kuke-t1"), []string{"bridge kuke-t1 is missing"}},
		{ip("link set kuke-t1 down"), []string{"bridge kuke-t1 is down"}},
		{ip("addr del 10.88.1.1/24 dev kuke-t1"), []string{"bridge kuke-t1 lacks address 10.88.1.1/24"}},
		{ip("addr add 10.99.0.1/16 dev kuke-t1"), []string{"bridge kuke-t1 has address 10.99.0.1/16 too"}},
		{func() { must(t, os.WriteFile(ipv4.forwarding, []byte("0"), 0o644)) }, []string{"IPv4 forwarding is off"}},
		{func() { must(t, os.Remove(path)) }, []string{"conflist " + path + " is missing"}},
		{func() { must(t, os.WriteFile(path, []byte("{}"), 0o644)) }, []string{"conflist " + path + " was changed"}},
		{table("delete table inet kukeon_test_1"), []string{"firewall table inet kukeon_test_1 is missing"}},
		{table("flush chain inet kukeon_test_1 input"), []string{changed}},
		{table("insert rule inet kukeon_test_1 forward accept"), []string{changed}},
		{table("insert rule inet kukeon_test_1 forward counter"), []string{changed}},
		{table("add chain inet kukeon_test_1 extra"), []string{changed}},
		{table("add set inet kukeon_test_1 extra { type ipv4_addr; }"), []string{changed}},
		{table("flush table inet kukeon_test_1"), []string{changed}},
		{func() {
			table("delete chain inet kukeon_test_1 input")()
			table("add chain inet kukeon_test_1 extra")()
		}, []string{changed}},
		{func() {
			ip("link del kuke-t1")()
			table("delete table inet kukeon_test_1")()
		}, []string{"bridge kuke-t1 is missing", "firewall table inet kukeon_test_1 is missing"}},
	} {
		c.change()
		if found := drift(t, h, n, digest); !slices.Equal(found, c.want) {
			t.Errorf("drift %q, want %q", found, c.want)
		}
		if again := create(t, h, n); again != digest {
			t.Errorf("after %q the digest is another", c.want)
		}
		if found := drift(t, h, n, digest); found != nil {
			t.Errorf("after %q still %q", c.want, found)
		}
	}
}

func TestSubnetChanges(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	create(t, h, n)
	link, err := netlink.LinkByName(n.Bridge)
	must(t, err)
	mac := link.Attrs().HardwareAddr
	moved := numbered(3)
	moved.Name, moved.Bridge, moved.ConflistFile = n.Name, n.Bridge, n.ConflistFile
	digest := create(t, h, moved)
	if found := drift(t, h, moved, digest); found != nil {
		t.Errorf("drift: %q", found)
	}
	a := cell(t, h, moved, 2)
	reach(t, false, a.NetNS, "tcp", "10.88.3.1:1")
	link, err = netlink.LinkByName(n.Bridge)
	must(t, err)
	if now := link.Attrs().HardwareAddr; !bytes.Equal(mac, now) || !bytes.Equal(mac, bridgeMAC(n.Bridge)) {
		t.Errorf("MAC address %s, then %s", mac, now)
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	h := newHost(t)
	links := command(t, "ip", "-o", "link")
	n := numbered(1)
	_, err := h.Create(n)
	must(t, err)
	a := attachment(n, pin(t, "short"), 2, PortMapping{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"})
	must(t, h.Attach(context.Background(), a))
	if !strings.Contains(command(t, "iptables-save", "-t", "nat"), n.Name) {
		t.Error("iptables knows nothing of the port")
	}
	must(t, h.Detach(context.Background(), a))
	for range 2 {
		must(t, h.Remove(n))
	}
	if now := command(t, "ip", "-o", "link"); now != links {
		t.Errorf("links before: %s, after: %s", links, now)
	}
	if rules := command(t, "nft", "list", "ruleset"); strings.Contains(rules, "kuke") || strings.Contains(rules, "CNI-DN") {
		t.Errorf("rules: %s", rules)
	}
	if files, err := os.ReadDir(h.config.ConfDir); err != nil || len(files) > 0 {
		t.Errorf("files in the directory of conflists: %v, %v", files, err)
	}
	if _, err := os.Stat(h.config.CacheDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cache is left: %v", err)
	}
}

func TestForeignLinkIsLeftAlone(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	command(t, "ip", "link", "add", n.Bridge, "type", "veth")
	if _, err := h.Create(n); err == nil || !strings.Contains(err.Error(), "veth") {
		t.Errorf("error %v", err)
	}
	if err := h.Remove(n); err == nil {
		t.Error("no error")
	}
	command(t, "ip", "link", "del", n.Bridge)
	must(t, h.Remove(n))
}

func TestManyAtOnce(t *testing.T) {
	h := newHost(t)
	ctx := context.Background()
	n := numbered(1)
	create(t, h, n)
	var cells []Attachment
	for i := range 50 {
		var ports []PortMapping
		if i%5 == 0 {
			ports = []PortMapping{{HostPort: uint16(9000 + i), ContainerPort: 80, Protocol: "tcp"}}
		}
		cells = append(cells, attachment(n, pin(t, fmt.Sprint("many-", i)), byte(i+2), ports...))
	}
	var wg sync.WaitGroup
	for _, a := range cells {
		wg.Go(func() {
			if err := h.Attach(ctx, a); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 8 {
		wg.Go(func() {
			other := numbered(100 + i)
			for range 5 {
				digest, err := h.Create(other)
				if err != nil {
					t.Error(err)
				}
				if found, err := h.Drift(other, digest); err != nil || found != nil {
					t.Errorf("drift %q, %v", found, err)
				}
				if err := h.Remove(other); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, a := range cells {
		found, _, err := Addresses(a.NetNS)
		if err != nil || len(found) != 1 || found["eth0"] != netip.PrefixFrom(a.Address, 24) {
			t.Errorf("addresses %v, %v, want %s", found, err, a.Address)
		}
		if len(a.Ports) > 0 {
			serve(t, a.NetNS, "tcp", ":80")
			reach(t, true, labHost, "tcp", fmt.Sprint("127.0.0.1:", a.Ports[0].HostPort))
		}
	}
	for _, a := range cells {
		wg.Go(func() {
			if err := h.Detach(ctx, a); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if rules := command(t, "iptables-save", "-t", "nat"); strings.Contains(rules, "CNI-DN") {
		t.Errorf("rules: %s", rules)
	}
	if files, err := os.ReadDir(filepath.Join(h.config.CacheDir, "results")); err != nil || len(files) > 0 {
		t.Errorf("files in the cache: %v, %v", files, err)
	}
}
