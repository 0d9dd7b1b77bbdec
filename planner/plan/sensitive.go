package plan

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
)

// SensitiveValue replaces a value in a [Diff] that must not be shown.
const SensitiveValue = resource.SensitiveValue

// SecretKey names a secret of a container.
type SecretKey struct {
	Container resource.Path
	Name      string
}

// Needs returns the leaves of After whose sealed values must be provided to carry out the change: the values of a process and
// of a health check, and the digests of secrets, which are files on the host.
func (c *Change) Needs() []resource.Leaf {
	if c.After == nil || c.Path.Kind() != resource.KindContainer {
		return nil
	}
	made := c.Action == Create || c.Action == Replace
	runs := made || c.Action == Start || c.Action == Restart || c.Action == Update
	return slices.DeleteFunc(resource.Leaves(c.After.Spec), func(leaf resource.Leaf) bool {
		switch leaf.Top.Name {
		case "env", "command", "args":
			return !made || !leaf.Sealed()
		case "healthcheck":
			return c.Check != resource.Healthy || !leaf.Sealed()
		case "secrets":
			return !runs || !leaf.Sealed()
		}
		return true
	})
}

// NeedsValues reports whether applying the plan needs sensitive values of the configuration. Secrets don't count: the plan says
// where they are read from.
func (p *Plan) NeedsValues() bool {
	return slices.ContainsFunc(p.Changes, func(c *Change) bool {
		return slices.ContainsFunc(c.Needs(), func(leaf resource.Leaf) bool { return leaf.Top.Name != "secrets" })
	})
}

// HoldsSealed reports whether the plan makes or changes anything that has a sealed text.
func (p *Plan) HoldsSealed() bool {
	return slices.ContainsFunc(p.Changes, func(c *Change) bool {
		return c.After != nil && slices.ContainsFunc(resource.Leaves(c.After.Spec), resource.Leaf.Sealed)
	})
}
