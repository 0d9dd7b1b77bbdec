package etc

import (
	"testing"

	"github.com/kukeon/kuke/planner/state"
)

func TestOverride(t *testing.T) {
	const host = "# the host's\nnameserver 192.0.2.1\nsearch host.example\noptions edns0\nsortlist 192.0.2.0"
	for want, e := range map[string]state.Etc{
		host: {},
		"# the host's\nsearch host.example\noptions edns0\nsortlist 192.0.2.0\nnameserver 192.0.2.9\nnameserver 2001:db8::1\n": {DNS: []string{"192.0.2.9", "2001:db8::1"}},
		"# the host's\nnameserver 192.0.2.1\noptions edns0\nsortlist 192.0.2.0\nsearch a b.example\n":                          {DNSSearch: []string{"a", "b.example"}},
		"# the host's\nnameserver 192.0.2.1\noptions edns0\nsortlist 192.0.2.0\n":                                              {DNSSearch: []string{"."}},
		"# the host's\nnameserver 192.0.2.1\nsearch host.example\nsortlist 192.0.2.0\noptions ndots:2\n":                       {DNSOptions: []string{"ndots:2"}},
	} {
		if got := override(host, e); got != want {
			t.Errorf("%+v: %q, want %q", e, got, want)
		}
	}
	if got := override("domain example.com\n", state.Etc{DNSSearch: []string{"a"}}); got != "search a\n" {
		t.Errorf("the domain stays: %q", got)
	}
}
