package schema

import (
	"github.com/kukeon/kuke/config/resource"
)

// finishSpace validates attributes of a space that depend on each other.
func finishSpace(r *resource.Resource, s *resource.Space, diags *resource.Diagnostics) {
	const summary = "Contradictory network"
	if s.Network == nil || s.Network.Egress == nil {
		return
	}
	if s.Network.Internal {
		diags.Errorf(r.RangeOf("network.egress"), r.Path, summary, "The network is internal (%s), which lets no connection out, so that egress has no effect. Remove one of them.", r.RangeOf("network.internal"))
	}
	if e := s.Network.Egress; e.Default != resource.EgressDeny && len(e.Allow) > 0 {
		diags.Errorf(r.RangeOf("network.egress.allow"), r.Path, summary, "By default every destination is allowed, so that allow has no effect. Set default = %q to allow only those that it names, or remove it.", resource.EgressDeny)
	}
}
