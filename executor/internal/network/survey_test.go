package network

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSurvey(t *testing.T) {
	h := newHost(t)
	if s, err := h.Survey(false, false); err != nil || len(s.Networks) != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	n := numbered(1)
	create(t, h, n)
	outside(t)
	must(t, addRoute("198.51.100.0/24", "192.0.2.2"))
	must(t, addRoute("0.0.0.0/0", "192.0.2.2"))
	command(t, "ip", "route", "add", "blackhole", "203.0.113.0/24")
	t.Cleanup(func() { command(t, "ip", "route", "del", "blackhole", "203.0.113.0/24") })
	for name, text := range map[string]string{
		"10-foreign.conflist": `{"name":"foreign","plugins":[{"type":"bridge","ipam":{"type":"host-local",
			"ranges":[[{"subnet":"10.1.0.0/16"}],[{"subnet":"fd00::/64"}]]}},{"type":"x","subnet":"10.9.0.0/16"}]}`,
		"11-old.conf":        `{"name":"old","type":"bridge","ipam":{"type":"host-local","subnet":"10.2.0.0/16"}}`,
		"12-broken.conflist": `{"name":`,
		"13-list.json":       `[]`,
		"README":             `{"name":"no"}`,
	} {
		must(t, os.WriteFile(filepath.Join(h.config.ConfDir, name), []byte(text), 0o644))
	}
	must(t, os.Mkdir(filepath.Join(h.config.ConfDir, "14-dir.conf"), 0o755))
	s, err := h.Survey(false, false)
	must(t, err)
	for _, want := range []Route{
		{netip.MustParsePrefix("10.88.1.0/24"), "kuke-t1"}, {netip.MustParsePrefix("192.0.2.0/24"), "uplink"},
		{netip.MustParsePrefix("198.51.100.0/24"), "uplink"}, {netip.MustParsePrefix("203.0.113.0/24"), ""},
	} {
		if i := slices.Index(s.Routes, want); i < 0 || slices.Contains(s.Routes[i+1:], want) {
			t.Errorf("%v isn't once in %v", want, s.Routes)
		}
	}
	if slices.ContainsFunc(s.Routes, func(r Route) bool { return r.Prefix.Bits() == 0 }) {
		t.Errorf("the default route is in %v", s.Routes)
	}
	if !slices.Contains(s.Addresses, netip.MustParseAddr("10.88.1.1")) {
		t.Errorf("addresses %v", s.Addresses)
	}
	if s.Listening != nil || s.Published != nil {
		t.Errorf("ports: %v, %v", s.Listening, s.Published)
	}
	var networks []string
	for _, c := range s.Networks {
		text := c.Name + " " + filepath.Base(c.File)
		for _, p := range c.Subnets {
			text += " " + p.String()
		}
		networks = append(networks, text)
	}
	if want := []string{
		"foreign 10-foreign.conflist 10.1.0.0/16 fd00::/64", "old 11-old.conf 10.2.0.0/16",
		"kukeon-test-1 test-1.conflist 10.88.1.0/24",
	}; !slices.Equal(networks, want) {
		t.Errorf("networks %q, want %q", networks, want)
	}
}

func TestSurveyOfPorts(t *testing.T) {
	h := newHost(t)
	n := numbered(1)
	create(t, h, n)
	local := netip.MustParseAddr("127.0.0.1")
	a := cell(t, h, n, 2, PortMapping{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"},
		PortMapping{HostIP: local, HostPort: 5353, ContainerPort: 53, Protocol: "udp"})
	command(t, "iptables", "-t", "nat", "-A", "PREROUTING", "-d", "192.0.2.1", "-p", "tcp", "--dport", "1000:1010", "-j", "DNAT",
		"--to-destination", "172.17.0.2")
	command(t, "iptables", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "-m", "multiport", "--dports", "21,2000:2001", "-j", "DNAT",
		"--to-destination", "172.17.0.2")
	t.Cleanup(func() { command(t, "iptables", "-t", "nat", "-F", "PREROUTING") })
	serve(t, labHost, "tcp4", "127.0.0.1:7001")
	serve(t, labHost, "tcp", ":7002")
	serve(t, labHost, "udp4", "127.0.0.1:7003")
	serve(t, labHost, "udp6", "[::1]:7004")
	c, err := net.Dial("udp4", "127.0.0.1:7003")
	must(t, err)
	defer c.Close()
	s, err := h.Survey(true, false)
	must(t, err)
	for _, want := range []Socket{
		{Protocol: "tcp", Addr: local, Port: 7001}, {Protocol: "tcp", Addr: netip.IPv6Unspecified(), Port: 7002}, {Protocol: "udp", Addr: local, Port: 7003}, {Protocol: "udp", Addr: netip.IPv6Loopback(), Port: 7004, OnlyIPv6: true},
	} {
		if !slices.Contains(s.Listening, want) {
			t.Errorf("%v isn't in %v", want, s.Listening)
		}
	}
	own := c.LocalAddr().(*net.UDPAddr).AddrPort()
	if slices.Contains(s.Listening, Socket{Protocol: "udp", Addr: own.Addr(), Port: own.Port()}) {
		t.Errorf("a client's socket is in %v", s.Listening)
	}
	want := []Published{
		{"tcp", netip.Addr{}, false, 8080, 8080, n.Name, a.ID}, {"udp", local, false, 5353, 5353, n.Name, a.ID},
		{"tcp", netip.MustParseAddr("192.0.2.1"), false, 1000, 1010, "", ""},
		{"tcp", netip.Addr{}, false, 21, 21, "", ""}, {"tcp", netip.Addr{}, false, 2000, 2001, "", ""},
	}
	for _, w := range want {
		if !slices.Contains(s.Published, w) {
			t.Errorf("%+v isn't in %+v", w, s.Published)
		}
	}
	if len(s.Published) != len(want) {
		t.Errorf("%d published ports: %+v", len(s.Published), s.Published)
	}
}

func TestSurveyWithoutIPTables(t *testing.T) {
	h := newHost(t)
	t.Setenv("PATH", "/nonexistent")
	dirs := systemDirs
	systemDirs = nil
	defer func() { systemDirs = dirs }()
	if s, err := h.Survey(true, false); err != nil || s.Published != nil {
		t.Errorf("%+v, %v", s, err)
	}
	if missing := h.MissingPlugins(true, false); !slices.Equal(missing, []string{"iptables"}) {
		t.Errorf("missing: %q", missing)
	}
	if missing := New(Config{}).MissingPlugins(true, false); !slices.Equal(missing, []string{"bridge", "static", "portmap", "iptables"}) {
		t.Errorf("missing: %q", missing)
	}
	if missing := New(Config{}).MissingPlugins(false, false); !slices.Equal(missing, []string{"bridge", "static"}) {
		t.Errorf("missing: %q", missing)
	}
}

func TestParsePublished(t *testing.T) {
	found := parsePublished(`*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
-A DOCKER ! -d 192.0.2.9/32 -p udp -m udp --dport 53 -j DNAT --to-destination 172.17.0.2:53
-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.3:9153
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"a b\" id: \"x\"" -m multiport --dports 81 -j CNI-DN-1
-A CNI-DN-1 -s 127.0.0.1/32 -p tcp -m tcp --dport 81 -j CNI-HOSTPORT-SETMARK
-A CNI-DN-1 -d 192.0.2.1/32 -p tcp -m tcp --dport 81 -j DNAT --to-destination 10.88.0.2:81
-A X -p tcp -m tcp ! --dport 82 -j DNAT --to-destination 10.88.0.2
COMMIT
`)
	want := []Published{
		{Protocol: "tcp", First: 8080, Last: 8080}, {Protocol: "udp", First: 53, Last: 53},
		{"tcp", netip.MustParseAddr("192.0.2.1"), false, 81, 81, "a b", "x"},
	}
	if !slices.Equal(found, want) {
		t.Errorf("published %+v, want %+v", found, want)
	}
}

func TestParseSockets(t *testing.T) {
	const text = `  sl  local_address rem_address   st tx_queue rx_queue
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000
   1: 0100007F:1F91 00000000:0000 01 00000000:00000000
   2: 0000000000000000FFFF00000100007F:0035 00000000000000000000000000000000:0000 0A 00000000:00000000
`
	found, err := parseSockets(text, "tcp", stateListen)
	local := netip.MustParseAddr("127.0.0.1")
	if want := []Socket{{Protocol: "tcp", Addr: local, Port: 8080}, {Protocol: "tcp", Addr: local, Port: 53}}; err != nil || !slices.Equal(found, want) {
		t.Errorf("sockets %v, %v", found, err)
	}
	for _, broken := range []string{"heading\n0: 01\n", "heading\n0: 01:1 0:0 0A\n", "heading\n0: 0100007F:X 0:0 0A\n"} {
		if _, err := parseSockets(broken, "tcp", stateListen); err == nil {
			t.Errorf("%q: no error", broken)
		}
	}
}

func TestListeningOnIPv6Only(t *testing.T) {
	needLab(t)
	for _, network := range []string{"tcp", "tcp6", "udp", "udp6"} {
		port := uint16(18000 + len(network) + int(network[0]))
		address := netip.AddrPortFrom(netip.IPv6Unspecified(), port).String()
		if strings.HasPrefix(network, "tcp") {
			l, err := net.Listen(network, address)
			must(t, err)
			t.Cleanup(func() { l.Close() })
		} else {
			l, err := net.ListenPacket(network, address)
			must(t, err)
			t.Cleanup(func() { l.Close() })
		}
		sockets, err := listening()
		must(t, err)
		only := strings.HasSuffix(network, "6") // Go tells such sockets to take IPv6 only
		want := Socket{Protocol: network[:3], Addr: netip.IPv6Unspecified(), Port: port, OnlyIPv6: only}
		if !slices.Contains(sockets, want) {
			t.Errorf("a %s socket is not %+v: %+v", network, want, sockets)
		}
	}
}
