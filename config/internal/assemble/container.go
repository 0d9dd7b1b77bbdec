package assemble

import (
	"fmt"

	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// validateHostPorts sees that no port of the host is published twice in the whole configuration.
func validateHostPorts(decls []*schema.Declaration, diags *resource.Diagnostics) {
	type use struct {
		resource.Port
		text string
		r    *resource.Resource
		at   resource.Range
	}
	type socket struct {
		number int
		proto  string
	}
	taken := map[socket][]use{}
	for r, c := range specs[*resource.Container](decls) {
		if r.External {
			continue
		}
	next:
		for _, text := range c.Ports {
			p, err := resource.ParsePort(text)
			if err != nil || p.Host.First == 0 {
				continue
			}
			u := use{p, text, r, r.RangeOf(fmt.Sprintf("ports[%q]", text))}
			for n := p.Host.First; n <= p.Host.Last; n++ {
				for _, other := range taken[socket{n, p.Protocol}] {
					if p.Clashes(other.Port) {
						diags.Errorf(u.at, r.Path, "Duplicate host port", "Port %d/%s of the host is already published by %s with %q at %s. Choose another.", n, p.Protocol, other.r.Path, other.text, other.at)
						continue next
					}
				}
			}
			for n := p.Host.First; n <= p.Host.Last; n++ {
				taken[socket{n, p.Protocol}] = append(taken[socket{n, p.Protocol}], u)
			}
		}
	}
}
