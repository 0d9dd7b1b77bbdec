package main

import (
	"net"
	"net/netip"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/net/dns/dnsmessage"
)

// serveDNS is the command: dns ADDRESS NAME IPV4; until the end of the script a DNS server of the host answers at the address
// to questions for that one name.
func serveDNS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: dns ADDRESS NAME IPV4")
	}
	name, err := dnsmessage.NewName(args[1] + ".")
	ts.Check(err)
	addr, err := netip.ParseAddr(args[2])
	ts.Check(err)
	conn, err := net.ListenPacket("udp", net.JoinHostPort(args[0], "53"))
	ts.Check(err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		packet := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return // the script has ended
			}
			if answer := answerDNS(packet[:n], name, addr); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	ts.Defer(func() {
		ts.Check(conn.Close())
		<-done
	})
}

// answerDNS returns the answer to a question, or nil for a packet that holds none.
func answerDNS(packet []byte, name dnsmessage.Name, addr netip.Addr) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(packet); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true}, Questions: m.Questions}
	switch {
	case q.Name != name:
		answer.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 1},
			Body:   &dnsmessage.AResource{A: addr.As4()},
		}}
	}
	packed, err := answer.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func TestAnswerDNS(t *testing.T) {
	name := dnsmessage.MustNewName("a.lan.")
	question := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
	packet, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(answerDNS(packet, name, netip.MustParseAddr("192.0.2.1"))); err != nil || len(m.Answers) != 1 {
		t.Errorf("%v, %v", m, err)
	}
}
