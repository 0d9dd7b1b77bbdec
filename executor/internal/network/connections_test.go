package network

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// echo sends back all that comes to an address in a namespace.
func echo(t testing.TB, ns, address string) {
	t.Helper()
	must(t, within(t, ns, func() error {
		packets, err := net.ListenPacket("udp", address)
		if err != nil {
			return err
		}
		t.Cleanup(func() { packets.Close() })
		go func() {
			buf := make([]byte, 100)
			for {
				n, from, err := packets.ReadFrom(buf)
				if err != nil {
					return
				}
				_, _ = packets.WriteTo(buf[:n], from)
			}
		}()
		l, err := net.Listen("tcp", address)
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
				go func() {
					defer c.Close()
					_, _ = io.Copy(c, c)
				}()
			}
		}()
		return nil
	}))
}

// open connects from a namespace to where echo serves.
func open(t testing.TB, ns, network, address string) net.Conn {
	t.Helper()
	var c net.Conn
	must(t, within(t, ns, func() (err error) {
		c, err = net.DialTimeout(network, address, patience)
		return err
	}))
	t.Cleanup(func() { c.Close() })
	answers(t, true, c)
	return c
}

// answers fails the test unless there is an echo, or none, as wanted.
func answers(t testing.TB, want bool, c net.Conn) {
	t.Helper()
	timeout := impatience
	if want {
		timeout = patience
	}
	must(t, c.SetDeadline(time.Now().Add(timeout)))
	_, err := c.Write([]byte("hello"))
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, len("hello")))
	}
	if (err == nil) != want {
		t.Errorf("%s to %s: want an answer: %v, got error %v", c.LocalAddr().Network(), c.RemoteAddr(), want, err)
	}
}

func TestForbiddenConnectionsEnd(t *testing.T) {
	h := newHost(t)
	out := outside(t)
	n := numbered(1)
	create(t, h, n)
	a := cell(t, h, n, 2, PortMapping{HostPort: 9000, ContainerPort: 80, Protocol: "tcp"})
	b := cell(t, h, n, 3)
	for _, address := range []string{"192.0.2.2:80", "192.0.2.2:81", "192.0.2.3:80"} {
		echo(t, out, address)
	}
	echo(t, a.NetNS, ":80")
	echo(t, labHost, "192.0.2.1:90")
	echo(t, labHost, "10.88.1.1:90")
	published := open(t, out, "tcp", "192.0.2.1:9000")
	neighbour := open(t, b.NetNS, "tcp", "10.88.1.2:80")
	byPort := open(t, b.NetNS, "tcp", "10.88.1.1:9000")
	var allowed, denied []net.Conn
	for _, network := range []string{"tcp", "udp"} {
		allowed = append(allowed, open(t, a.NetNS, network, "192.0.2.2:80"))
		denied = append(denied, open(t, a.NetNS, network, "192.0.2.2:81"), open(t, a.NetNS, network, "192.0.2.3:80"), open(t, a.NetNS, network, "192.0.2.1:90"),
			open(t, a.NetNS, network, "10.88.1.1:90"))
	}
	fromHost := open(t, labHost, "tcp", "10.88.1.2:80")
	n.Deny = true
	n.Allow = []Allow{
		{Destination: netip.MustParsePrefix("192.0.2.2/32"), Protocol: "tcp", First: 79, Last: 80},
		{Destination: netip.MustParsePrefix("192.0.2.2/32"), Protocol: "udp", First: 80},
	}
	create(t, h, n)
	for _, c := range append(allowed, published, neighbour, byPort, fromHost) {
		answers(t, true, c)
	}
	for _, c := range denied {
		answers(t, false, c)
	}
	n.Internal = true
	create(t, h, n)
	for _, c := range []net.Conn{published, neighbour, byPort, fromHost} {
		answers(t, true, c)
	}
	for _, c := range allowed {
		answers(t, false, c)
	}
}

func TestUnpublishedPortsEndTheirConnections(t *testing.T) {
	h := newHost(t)
	out := outside(t)
	n := numbered(1)
	create(t, h, n)
	var ports []PortMapping
	for _, protocol := range []string{"tcp", "udp"} {
		ports = append(ports, PortMapping{HostPort: 9000, ContainerPort: 80, Protocol: protocol}, PortMapping{HostPort: 9001, ContainerPort: 80, Protocol: protocol})
	}
	a := cell(t, h, n, 2, ports...)
	echo(t, a.NetNS, ":80")
	echo(t, out, "192.0.2.2:80")
	var kept, ended []net.Conn
	for _, network := range []string{"tcp", "udp"} {
		kept = append(kept, open(t, out, network, "192.0.2.1:9000"), open(t, labHost, network, "10.88.1.2:80"), open(t, a.NetNS, network, "192.0.2.2:80"))
		ended = append(ended, open(t, out, network, "192.0.2.1:9001"), open(t, labHost, network, "127.0.0.1:9001"))
	}
	must(t, h.Detach(context.Background(), a))
	a.Ports = []PortMapping{ports[0], ports[2]}
	must(t, h.Attach(context.Background(), a))
	must(t, h.EndPublished(a.Address, []PortMapping{ports[1], ports[3]}))
	for _, c := range kept {
		answers(t, true, c)
	}
	for _, c := range ended {
		answers(t, false, c)
	}
}
