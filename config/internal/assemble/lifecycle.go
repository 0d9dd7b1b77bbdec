package assemble

import (
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// validateTriggers refuses replace_triggered_by of resources that don't exist.
func validateTriggers(decls []*schema.Declaration, tree *resource.Tree, diags *resource.Diagnostics) {
	for r := range specs[*resource.Container](decls) {
		if r.Lifecycle == nil {
			continue
		}
		for _, t := range r.Lifecycle.ReplaceTriggeredBy {
			if tree.Resource(t.Path) == nil {
				diags.Errorf(r.Declared, r.Path, "Unknown resource", "%s is replaced when %s changes, but no resource with that path is in this configuration.", r.Path, t.Path)
			}
		}
	}
}
