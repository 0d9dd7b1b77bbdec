package resource

import (
	"net/netip"
	"testing"
)

func TestSubnets(t *testing.T) {
	tests := []struct{ subnet, gateway, first, last string }{
		{"10.1.2.0/24", "10.1.2.1", "10.1.2.2", "10.1.2.254"},
		{"10.0.0.0/8", "10.0.0.1", "10.0.0.2", "10.255.255.254"},
		{"10.21.0.0/16", "10.21.0.1", "10.21.0.2", "10.21.255.254"},
		{"192.0.2.8/29", "192.0.2.9", "192.0.2.10", "192.0.2.14"},
		{"192.0.2.8/30", "192.0.2.9", "192.0.2.10", "192.0.2.10"},
	}
	for _, tt := range tests {
		p := netip.MustParsePrefix(tt.subnet)
		first, last := CellAddresses(p)
		if g := Gateway(p); g.String() != tt.gateway || first.String() != tt.first || last.String() != tt.last {
			t.Errorf("%s: gateway %s, cells from %s to %s; want %s, %s, %s", p, g, first, last, tt.gateway, tt.first, tt.last)
		}
	}
}

func TestSpaceOf(t *testing.T) {
	for _, p := range []Path{"main/default", "main/default/blog", "main/default/blog/web/nginx"} {
		if got := p.Space(); got != "main/default" {
			t.Errorf("%s lies in the space %s", p, got)
		}
	}
}
