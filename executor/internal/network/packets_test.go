package network

import (
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

func TestCellsOfOneNetworkReachEachOther(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	n.Internal = true
	create(t, h, n)
	a, b := cell(t, h, n, 2), cell(t, h, n, 3)
	serve(t, b.NetNS, "tcp", ":80")
	// The kernel can be told to show bridged packets to the firewall, and often is.
	const bridged = "/proc/sys/net/bridge/bridge-nf-call-iptables"
	for _, value := range []string{"0", "1"} {
		if _, err := os.Stat(bridged); err == nil {
			must(t, os.WriteFile(bridged, []byte(value), 0o644))
		}
		seen, err := ask(t, a.NetNS, "tcp", "10.88.1.3:80", patience)
		if err != nil || seen != a.Address {
			t.Errorf("with bridge-nf-call-iptables=%s: seen from %s, %v", value, seen, err)
		}
	}
}

func TestNetworksAreApart(t *testing.T) {
	h := newHost(t)
	one, two := numbered(1), numbered(2)
	create(t, h, one)
	create(t, h, two)
	a := cell(t, h, one, 2)
	b := cell(t, h, two, 2, PortMapping{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"})
	serve(t, b.NetNS, "tcp", ":80")
	serve(t, b.NetNS, "udp", ":80")
	reach(t, true, labHost, "tcp", "10.88.2.2:80")
	for _, network := range []string{"tcp", "udp"} {
		reach(t, false, a.NetNS, network, "10.88.2.2:80")
	}
	// Neither by way of a port that the other publishes.
	reach(t, false, a.NetNS, "tcp", "10.88.1.1:8080")
	reach(t, false, a.NetNS, "tcp", "10.88.2.1:8080")

	// Without either table it works, so it is they that hold it back.
	must(t, h.removeTable(one))
	reach(t, false, a.NetNS, "tcp", "10.88.2.2:80")
	create(t, h, one)
	must(t, h.removeTable(two))
	reach(t, false, a.NetNS, "tcp", "10.88.2.2:80")
	must(t, h.removeTable(one))
	reach(t, true, a.NetNS, "tcp", "10.88.2.2:80")
}

func TestForgedSourcesDontCross(t *testing.T) {
	h := newHost(t)
	one, two := numbered(1), numbered(2)
	create(t, h, one)
	create(t, h, two)
	a, b := cell(t, h, one, 2), cell(t, h, two, 2)
	for _, link := range []string{"all", one.Bridge, two.Bridge} {
		must(t, os.WriteFile("/proc/sys/net/ipv4/conf/"+link+"/rp_filter", []byte("0"), 0o644))
	}
	var inbox net.PacketConn
	must(t, within(t, b.NetNS, func() (err error) {
		inbox, err = net.ListenPacket("udp", ":53")
		return err
	}))
	defer inbox.Close()
	arrives := func(source string, timeout time.Duration) bool {
		must(t, within(t, a.NetNS, func() error {
			d := net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(source), 0))}
			c, err := d.Dial("udp", "10.88.2.2:53")
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write([]byte("hello"))
			return err
		}))
		must(t, inbox.SetReadDeadline(time.Now().Add(timeout)))
		_, _, err := inbox.ReadFrom(make([]byte, 10))
		return err == nil
	}
	sources := []string{"10.88.2.77", "192.0.2.99"}
	for _, source := range sources {
		must(t, within(t, a.NetNS, func() error { return addAddress("eth0", source+"/32") }))
		if arrives(source, impatience) {
			t.Errorf("a packet from %s crosses", source)
		}
	}
	must(t, h.removeTable(one))
	must(t, h.removeTable(two))
	for _, source := range sources {
		if !arrives(source, patience) {
			t.Errorf("a packet from %s doesn't cross without the tables: the test shows nothing", source)
		}
	}
}

func TestPublishedPorts(t *testing.T) {
	h := newHost(t)
	out := outside(t)
	n := numbered(1)
	n.Internal, n.Deny = true, true
	create(t, h, n)
	var ports []PortMapping
	for i := range uint16(3) {
		ports = append(ports, PortMapping{HostPort: 9000 + i, ContainerPort: 80 + i, Protocol: "tcp"})
	}
	ports = append(ports, PortMapping{HostPort: 5353, ContainerPort: 53, Protocol: "udp"},
		PortMapping{HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 7000, ContainerPort: 80, Protocol: "tcp"})
	a := cell(t, h, n, 2, ports...)
	serve(t, a.NetNS, "tcp", ":80")
	serve(t, a.NetNS, "tcp", ":82")
	serve(t, a.NetNS, "tcp", ":90")
	serve(t, a.NetNS, "udp", ":53")
	for _, address := range []string{"192.0.2.1", "127.0.0.1", "10.88.1.1"} {
		reach(t, true, labHost, "tcp", address+":9000")
		reach(t, true, labHost, "tcp", address+":9002")
		reach(t, true, labHost, "udp", address+":5353")
	}
	reach(t, true, out, "tcp", "192.0.2.1:9000")
	reach(t, true, out, "udp", "192.0.2.1:5353")
	reach(t, true, labHost, "tcp", "127.0.0.1:7000")
	reach(t, false, labHost, "tcp", "192.0.2.1:7000")
	reach(t, false, out, "tcp", "192.0.2.1:7000")
	// The cell itself and its neighbours use them too.
	reach(t, true, a.NetNS, "tcp", "192.0.2.1:9000")
	reach(t, true, cell(t, h, n, 3).NetNS, "tcp", "192.0.2.1:9000")

	// Nothing else is open from outside, even to who knows the way.
	must(t, within(t, out, func() error { return addRoute("10.88.1.0/24", "192.0.2.1") }))
	reach(t, false, out, "tcp", "10.88.1.2:90")
	reach(t, false, out, "tcp", "10.88.1.2:80")
	must(t, h.removeTable(n))
	reach(t, true, out, "tcp", "10.88.1.2:90")
}

func TestHostLoopbackIsOutOfReach(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	create(t, h, n)
	local := netip.MustParseAddr("127.0.0.1")
	a := cell(t, h, n, 2, PortMapping{HostIP: local, HostPort: 7000, ContainerPort: 80, Protocol: "tcp"})
	b := cell(t, h, n, 3)
	serve(t, a.NetNS, "tcp", ":80")
	serve(t, labHost, "tcp", "127.0.0.1:7001")
	serve(t, labHost, "tcp", "127.0.0.5:7005")
	serve(t, labHost, "udp", "127.0.0.1:7001")
	serve(t, labHost, "udp", "127.0.0.5:7005")
	serve(t, labHost, "udp", "10.88.1.1:7002")
	// A cell is not bound to take 127.0.0.0/8 for its own.
	must(t, within(t, b.NetNS, func() error {
		if err := os.WriteFile("/proc/sys/net/ipv4/conf/eth0/route_localnet", []byte("1"), 0o644); err != nil {
			return err
		}
		if err := removeAddress("lo", "127.0.0.1/8"); err != nil {
			return err
		}
		return addRoute("127.0.0.0/8", "10.88.1.1")
	}))
	targets := []struct{ network, address string }{
		{"tcp", "127.0.0.1:7001"}, {"tcp", "127.0.0.5:7005"}, {"udp", "127.0.0.1:7001"}, {"udp", "127.0.0.5:7005"}, {"tcp", "127.0.0.1:7000"},
	}
	for _, to := range targets {
		reach(t, false, b.NetNS, to.network, to.address)
	}
	reach(t, true, labHost, "tcp", "127.0.0.1:7000")
	reach(t, true, b.NetNS, "udp", "10.88.1.1:7002")
	must(t, within(t, b.NetNS, func() error { return addAddress("eth0", "127.0.0.9/32") }))
	var inbox net.PacketConn
	must(t, within(t, labHost, func() (err error) {
		inbox, err = net.ListenPacket("udp", "10.88.1.1:7003")
		return err
	}))
	defer inbox.Close()
	forged := func(timeout time.Duration) bool {
		must(t, within(t, b.NetNS, func() error {
			d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9)}}
			c, err := d.Dial("udp", "10.88.1.1:7003")
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write([]byte("hello"))
			return err
		}))
		must(t, inbox.SetReadDeadline(time.Now().Add(timeout)))
		_, _, err := inbox.ReadFrom(make([]byte, 10))
		return err == nil
	}
	for _, link := range []string{"all", n.Bridge} {
		must(t, os.WriteFile("/proc/sys/net/ipv4/conf/"+link+"/rp_filter", []byte("0"), 0o644))
	}
	if forged(impatience) {
		t.Error("a packet that claims to come from the loopback arrives")
	}

	// Without the table it works, so it is the table that holds it back.
	must(t, h.removeTable(n))
	if !forged(patience) {
		t.Error("a packet that claims to come from the loopback doesn't arrive without the table either: the test shows nothing")
	}
	must(t, within(t, b.NetNS, func() error { return removeAddress("eth0", "127.0.0.9/32") }))
	for _, to := range targets[:4] {
		reach(t, true, b.NetNS, to.network, to.address)
	}
}

func TestBridgeIgnoresRouterAdvertisements(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	digest := create(t, h, n)
	file := advertisements(n.Bridge)
	if value, err := os.ReadFile(file); err != nil || string(value) != "0\n" {
		t.Fatalf("accept_ra is %q, %v", value, err)
	}
	must(t, os.WriteFile(file, []byte("1"), 0o644))
	if drift, err := h.Drift(n, digest); err != nil || len(drift) != 1 || drift[0] != "bridge kuke-t1 accepts IPv6 router advertisements" {
		t.Errorf("drift %q, %v", drift, err)
	}
	create(t, h, n)
	if drift, err := h.Drift(n, digest); err != nil || len(drift) != 0 {
		t.Errorf("drift %q, %v", drift, err)
	}
}

func TestMasquerade(t *testing.T) {
	h := newHost(t)
	out := outside(t)
	n := numbered(1)
	create(t, h, n)
	a := cell(t, h, n, 2)
	serve(t, out, "tcp", ":80")
	serve(t, out, "udp", "192.0.2.3:53")
	for network, address := range map[string]string{"tcp": "192.0.2.2:80", "udp": "192.0.2.3:53"} {
		seen, err := ask(t, a.NetNS, network, address, patience)
		if err != nil || seen.String() != "192.0.2.1" {
			t.Errorf("%s: seen from %s, %v", network, seen, err)
		}
	}
	// The host itself sees who it is.
	serve(t, labHost, "tcp", ":8081")
	for _, address := range []string{"10.88.1.1:8081", "192.0.2.1:8081"} {
		seen, err := ask(t, a.NetNS, "tcp", address, patience)
		if err != nil || seen != a.Address {
			t.Errorf("%s: seen from %s, %v", address, seen, err)
		}
	}
}

func TestEgress(t *testing.T) {
	h := newHost(t)
	out := outside(t)
	for _, port := range []string{":80", ":81", ":90", ":91", ":92"} {
		serve(t, out, "tcp", port)
	}
	serve(t, out, "udp", "192.0.2.2:80")
	serve(t, labHost, "tcp", ":8081")
	serve(t, labHost, "udp", "192.0.2.1:8081")
	n := numbered(1)
	n.Deny = true
	n.Allow = []Allow{
		{Destination: netip.MustParsePrefix("192.0.2.2/32"), Protocol: "tcp", First: 80},
		{Destination: netip.MustParsePrefix("192.0.2.0/31"), Protocol: "tcp", First: 9}, // matches neither server
		{Destination: netip.MustParsePrefix("192.0.2.3/32"), Protocol: "tcp", First: 90, Last: 91},
		{Destination: netip.MustParsePrefix("2001:db8::/32"), Protocol: "udp", First: 53, Last: 53},
	}
	create(t, h, n)
	a := cell(t, h, n, 2)
	serve(t, labHost, "udp", "10.88.1.1:8081")
	check := func(want bool, network string, addresses ...string) {
		t.Helper()
		for _, address := range addresses {
			reach(t, want, a.NetNS, network, address)
		}
	}
	check(true, "tcp", "192.0.2.2:80", "192.0.2.3:90", "192.0.2.3:91")
	check(false, "tcp", "192.0.2.2:81", "192.0.2.3:80", "192.0.2.3:92", "192.0.2.2:90")
	check(false, "udp", "192.0.2.2:80")
	check(false, "tcp", "10.88.1.1:8081", "192.0.2.1:8081")
	check(false, "udp", "10.88.1.1:8081")

	n.Allow = []Allow{
		{Destination: netip.MustParsePrefix("192.0.2.0/24")},
		{Destination: netip.MustParsePrefix("10.88.1.1/32"), Protocol: "tcp", First: 8081},
	}
	create(t, h, n)
	check(true, "tcp", "192.0.2.2:81", "192.0.2.3:80", "192.0.2.1:8081", "10.88.1.1:8081")
	check(true, "udp", "192.0.2.2:80", "192.0.2.1:8081")
	check(false, "udp", "10.88.1.1:8081")

	n.Internal = true
	create(t, h, n)
	check(false, "tcp", "192.0.2.2:80", "192.0.2.1:8081", "10.88.1.1:8081")
	// The host still reaches the cell, and gets answers.
	serve(t, a.NetNS, "tcp", ":80")
	reach(t, true, labHost, "tcp", "10.88.1.2:80")

	n.Internal, n.Deny = false, false
	create(t, h, n)
	check(true, "tcp", "192.0.2.2:81", "10.88.1.1:8081")
	check(true, "udp", "10.88.1.1:8081")
}

func TestAllowedIPv6Destination(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	n.Deny = true
	create(t, h, n)
	a := cell(t, h, n, 2)
	must(t, within(t, a.NetNS, func() error {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", []byte("0"), 0o644); err != nil {
			return err
		}
		return addIPv6("eth0", "2001:db8::2/64")
	}))
	// An address that an administrator has given the bridge: it stays.
	bridge, address, err := linkAddress(n.Bridge, "2001:db8::1/64")
	must(t, err)
	must(t, netlink.AddrAdd(bridge, address))
	serve(t, labHost, "tcp6", "[::]:8082")
	serve(t, labHost, "tcp6", "[::]:8083")
	reach(t, false, a.NetNS, "tcp6", "[2001:db8::1]:8082")
	n.Allow = []Allow{{Destination: netip.MustParsePrefix("2001:db8::/126"), Protocol: "tcp", First: 8082}}
	create(t, h, n)
	reach(t, true, a.NetNS, "tcp6", "[2001:db8::1]:8082")
	reach(t, false, a.NetNS, "tcp6", "[2001:db8::1]:8083")
	n.Allow = []Allow{{Destination: netip.MustParsePrefix("0.0.0.0/0")}}
	create(t, h, n)
	reach(t, false, a.NetNS, "tcp6", "[2001:db8::1]:8083")
	n.Allow = []Allow{{Destination: netip.MustParsePrefix("::/0")}}
	create(t, h, n)
	reach(t, true, a.NetNS, "tcp6", "[2001:db8::1]:8083")
}
