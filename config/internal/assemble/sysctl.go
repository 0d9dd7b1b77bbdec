package assemble

import (
	"fmt"
	"maps"
	"slices"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// validateSysctls sees that the containers of a cell, which share a network namespace, agree on its parameters.
func (c *cell) validateSysctls(diags *resource.Diagnostics) {
	set := map[string]*schema.Declaration{}
	for _, d := range c.containers {
		own := spec(d).NetSysctls()
		for _, name := range slices.Sorted(maps.Keys(own)) {
			first, ok := set[name]
			if !ok {
				set[name] = d
				continue
			}
			if other := spec(first).Sysctls[name]; other != own[name] {
				key := fmt.Sprintf("sysctls[%q]", name)
				diags.Errorf(d.Resource.RangeOf(key), d.Path, "Conflicting sysctls",
					"The containers of a cell share its network, but %s sets %s to %q, and %s (%s) to %q. Set it in one of them, or to the same value.",
					d.Path.Name(), name, message.Shorten(own[name]), first.Path.Name(), first.Resource.RangeOf(key), message.Shorten(other))
			}
		}
	}
}
