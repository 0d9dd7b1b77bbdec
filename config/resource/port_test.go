package resource

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParsePort(t *testing.T) {
	tests := []struct{ text, want, err string }{
		{text: "80", want: "80"},
		{text: "080/tcp", want: "80"},
		{text: "8080:80", want: "8080:80"},
		{text: "53:53/UDP", want: "53:53/udp"},
		{text: "127.0.0.1:53:53/sctp", want: "127.0.0.1:53:53/sctp"},
		{text: "[::1]:8000-8001:80-81", want: "[::1]:8000-8001:80-81"},
		{text: "::1:8000:80", want: "[::1]:8000:80"},
		{text: "80-80", want: "80"},
		{text: "", err: "not a port"},
		{text: ":80", err: "not a port"},
		{text: "0", err: "not a port"},
		{text: "+80", err: "not a port"},
		{text: "65536", err: "not a port"},
		{text: "80/", err: "the protocol \"\""},
		{text: "80/icmp", err: "the protocol \"icmp\""},
		{text: "9-8", err: "backwards"},
		{text: "1-3:1-2", err: "3 ports of the host to 2"},
		{text: "300.1.1.1:80:80", err: "no IP address"},
		{text: "fe80::1%eth0:80:80", err: "no IP address"},
		{text: strings.Repeat("9", 200), err: "…"},
	}
	for _, tt := range tests {
		p, err := ParsePort(tt.text)
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ParsePort(%q): error %v, want %q", tt.text, err, tt.err)
			}
		case err != nil || p.String() != tt.want:
			t.Errorf("ParsePort(%q) = %s, %v; want %s", tt.text, p, err, tt.want)
		}
	}
}

func TestParseEgressPort(t *testing.T) {
	tests := []struct{ text, want, err string }{
		{text: "443", want: "443 tcp"},
		{text: "53/UDP", want: "53 udp"},
		{text: "8000-8010/sctp", want: "8000-8010 sctp"},
		{text: "8080:80", err: "the port of the destination"},
		{text: "1.2.3.4:8080:80", err: "the port of the destination"},
		{text: "80/icmp", err: "the protocol"},
		{text: "http", err: "not a port"},
		{text: "9-8", err: "backwards"},
	}
	for _, tt := range tests {
		ports, protocol, err := ParseEgressPort(tt.text)
		got := fmt.Sprint(ports, " ", protocol)
		switch {
		case tt.err != "":
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ParseEgressPort(%q): error %v, want %q", tt.text, err, tt.err)
			}
		case err != nil || got != tt.want:
			t.Errorf("ParseEgressPort(%q) = %s, %v; want %s", tt.text, got, err, tt.want)
		}
	}
}

func TestPortsOutliveText(t *testing.T) {
	number := rapid.IntRange(1, 65000)
	rapid.Check(t, func(t *rapid.T) {
		host, container, more := number.Draw(t, "host"), number.Draw(t, "container"), rapid.IntRange(0, 500).Draw(t, "more")
		p := Port{Container: PortRange{container, container + more}, Protocol: rapid.SampledFrom([]string{"tcp", "udp", "sctp"}).Draw(t, "protocol")}
		if rapid.Bool().Draw(t, "published") {
			p.Host = PortRange{host, host + more}
		}
		if got, err := ParsePort(p.String()); err != nil || got != p || got.Container.Len() != more+1 {
			t.Fatalf("%+v became %+v, %v", p, got, err)
		}
	})
}

func TestPortsClash(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"8080:80", "8080:81", true},
		{"8080:80", "8080:80/udp", false},
		{"8080:80", "8081:80", false},
		{"8080:80", "8000-8100:1-101", true},
		{"80", "80", false}, // the planner chooses two ports of the host
		{"8080:80", "127.0.0.1:8080:80", true},
		{"127.0.0.1:8080:80", "127.0.0.2:8080:80", false},
		{"0.0.0.0:8080:80", "127.0.0.1:8080:80", true},
		{"0.0.0.0:8080:80", "[::1]:8080:80", false},
		{"[::]:8080:80", "[::1]:8080:80", true},
		{"8080:80", "[::1]:8080:80", true},
	}
	for _, tt := range tests {
		a, errA := ParsePort(tt.a)
		b, errB := ParsePort(tt.b)
		if errA != nil || errB != nil || a.Clashes(b) != tt.want || b.Clashes(a) != tt.want {
			t.Errorf("%s and %s clash: %v, want %v (%v, %v)", tt.a, tt.b, a.Clashes(b), tt.want, errA, errB)
		}
	}
}
