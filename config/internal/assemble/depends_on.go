package assemble

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// validateDependencies refuses dependencies on containers that don't exist, where all of the cell is known, conditions that
// a container never meets, and containers that wait for themselves.
func (c *cell) validateDependencies(diags *resource.Diagnostics) {
	whole := c.declared != nil && !c.declared.External
	for _, d := range c.containers {
		for _, on := range spec(d).DependsOn {
			other := c.container(on.Name)
			switch {
			case other != nil:
				if reason := never(other, on.Condition); reason != "" {
					impossible(d, on.Name, on.Condition, other.Path.Name(), reason, diags)
				}
			case whole:
				diags.Errorf(dependencyRange(d, on.Name), d.Path, "Unknown container", "%s depends on %q, but its cell has no container of that name in this configuration.%s", d.Path.Name(), on.Name,
					message.Or(message.Suggest(on.Name, c.names()), " To wait for another cell, write depends_on (in YAML dependsOn) in the cell."))
			}
		}
	}
	for _, cycle := range cycles(c.containers, c.waitsFor) {
		reason := "so that none of them could start first"
		if i := slices.IndexFunc(cycle, func(d *schema.Declaration) bool { return spec(d).Root }); i >= 0 && len(cycle) > 1 {
			cycle = slices.Concat(cycle[i:], cycle[:i])
			reason = fmt.Sprintf("but %s is the cell's root container, which starts before every other", cycle[0].Path.Name())
		}
		reportCycle(cycle, resource.Path.Name, reason, diags)
	}
}

// never says why the container d of a cell can't meet the condition for the others, or returns "".
func never(d *schema.Declaration, condition resource.Condition) string {
	switch {
	case d.External: // its attributes are known where it is managed
	case condition == resource.Healthy && unchecked(d):
		return "its healthcheck is disabled. Enable it"
	case condition == resource.Completed && spec(d).Root:
		return "it is the cell's root container, whose end takes the network from all of the cell. Let it depend on another container"
	case condition == resource.Completed:
		return neverEnds(d, "its restart policy")
	}
	return ""
}

// unchecked reports whether the container d has no healthcheck, whatever its image has: planning knows the HEALTHCHECK of the image.
func unchecked(d *schema.Declaration) bool {
	check := spec(d).Healthcheck
	return check != nil && check.Disable
}

// neverEnds says why the container d, of which whose is the restart policy, can't exit for good, or returns "".
func neverEnds(d *schema.Declaration, whose string) string {
	if policy := spec(d).RestartPolicy; policy == "always" || policy == "unless-stopped" {
		return fmt.Sprintf("%s is %s, which starts it again. Make that no or on-failure", whose, policy)
	}
	return ""
}

// never says why the cell can't meet the condition, or returns "".
func (c *cell) never(condition resource.Condition) string {
	external := func(d *schema.Declaration) bool { return d.External }
	root := slices.IndexFunc(c.containers, func(d *schema.Declaration) bool { return spec(d).Root })
	switch {
	case c.declared.External || slices.ContainsFunc(c.containers, external): // as for containers
	case condition == resource.Healthy && len(c.containers) == 0:
		return "it has no container. Declare one with a healthcheck"
	case condition == resource.Healthy && !slices.ContainsFunc(c.containers, func(d *schema.Declaration) bool { return !unchecked(d) }):
		return "the healthchecks of its containers are disabled. Enable one of a container that counts"
	case condition == resource.Completed && root < 0:
		return "it has no container. Declare one"
	case condition == resource.Completed && c.containers[root].Resource.ImpliedRoot: // another may be recorded, which planning knows
		return ""
	case condition == resource.Completed:
		return neverEnds(c.containers[root], "the restart policy of its root container "+c.containers[root].Path.Name())
	}
	return ""
}

// impossible reports a condition of a dependency of d that can never be met. key is the dependency's name in the spec, shown
// its name in the message.
func impossible(d *schema.Declaration, key string, condition resource.Condition, shown, reason string, diags *resource.Diagnostics) {
	at := d.Resource.RangeOf(fmt.Sprintf("dependsOn[%q].condition", key))
	diags.Errorf(at, d.Path, "Impossible condition", "%s can't become %s: %s, or remove the condition.", shown, condition, reason)
}

// validateCellDependencies is validateDependencies for cells. order holds the paths of all cells.
func validateCellDependencies(cells map[resource.Path]*cell, order []resource.Path, members map[resource.Path][]string, diags *resource.Diagnostics) {
	var declared []*schema.Declaration
	for _, p := range order {
		if d := cells[p].declared; d != nil && !d.External {
			declared = append(declared, d)
		}
	}
	for _, d := range declared {
		for _, on := range d.Resource.Spec.(*resource.Cell).DependsOn {
			p := resource.Path(on.Name)
			if other := cells[p]; other != nil && other.declared != nil {
				if reason := other.never(on.Condition); reason != "" {
					impossible(d, on.Name, on.Condition, on.Name, reason, diags)
				}
			} else if names, ok := members[p.Parent()]; ok {
				diags.Errorf(dependencyRange(d, on.Name), d.Path, "Unknown cell", "%s depends on %s, but the stack %s has no cell %q in this configuration.%s", d.Path, p, p.Parent(), p.Name(),
					message.Or(elsewhere(p.Name(), order), message.Suggest(p.Name(), names)))
			}
		}
	}
	waitsFor := func(d *schema.Declaration) []*schema.Declaration {
		var before []*schema.Declaration
		for _, on := range d.Resource.Spec.(*resource.Cell).DependsOn {
			if other := cells[resource.Path(on.Name)]; other != nil && other.declared != nil && !other.declared.External {
				before = append(before, other.declared)
			}
		}
		return before
	}
	for _, cycle := range cycles(declared, waitsFor) {
		reportCycle(cycle, func(p resource.Path) string { return string(p) }, "so that none of them could start first", diags)
	}
}

// validateReferences sees that no resource waits for itself because of the values that it takes from others.
func validateReferences(decls []*schema.Declaration, diags *resource.Diagnostics) {
	byPath := map[resource.Path]*schema.Declaration{}
	tree := resource.NewTree()
	containers := map[resource.Path][]resource.Path{} // of a cell
	for _, d := range decls {
		if d.Resource == nil {
			continue
		}
		byPath[d.Path] = d
		tree.Add(d.Resource)
		if d.Kind == resource.KindContainer {
			containers[d.Path.Parent()] = append(containers[d.Path.Parent()], d.Path)
		}
	}
	before := map[resource.Path][]resource.Path{}
	for _, e := range tree.Edges() {
		before[e.Path] = append(before[e.Path], e.On)
		if e.Path.Kind() == resource.KindCell && e.Why == "depends_on" {
			for _, p := range containers[e.Path] {
				before[p] = append(before[p], containers[e.On]...)
			}
		}
	}
	waitsFor := func(d *schema.Declaration) []*schema.Declaration {
		if d.Resource == nil {
			return nil
		}
		var all []*schema.Declaration
		for _, p := range before[d.Path] {
			if other := byPath[p]; other != nil && p != d.Path {
				all = append(all, other)
			}
		}
		return all
	}
	for _, cycle := range cycles(decls, waitsFor) {
		i := slices.IndexFunc(cycle, func(d *schema.Declaration) bool { return len(d.Resource.References) > 0 })
		if i < 0 {
			continue // which is reported as one of dependencies
		}
		cycle = slices.Concat(cycle[i:], cycle[:i])
		reportCycle(cycle, func(p resource.Path) string { return string(p) }, "each needs the next to be there, be it for a value of it, so that none of them could be made first", diags)
	}
}

// dependencyRange returns where d says that it depends on name.
func dependencyRange(d *schema.Declaration, name string) resource.Range {
	if rng, ok := d.Resource.Ranges[fmt.Sprintf("dependsOn[%q].name", name)]; ok {
		return rng
	}
	return d.Resource.RangeOf("dependsOn")
}

// waitsFor returns the containers that are started before d: those it depends on, and the root.
func (c *cell) waitsFor(d *schema.Declaration) []*schema.Declaration {
	var before []*schema.Declaration
	for _, on := range spec(d).DependsOn {
		if other := c.container(on.Name); other != nil {
			before = append(before, other)
		}
	}
	if !spec(d).Root {
		for _, other := range c.containers {
			if spec(other).Root && !slices.Contains(before, other) {
				before = append(before, other)
			}
		}
	}
	return before
}

// elsewhere names the cell of that name in another stack, if there is one, with a space before it; else it returns "".
func elsewhere(name string, cells []resource.Path) string {
	for _, p := range cells {
		if p.Name() == name {
			_, short, _ := strings.Cut(string(p), "/")
			return fmt.Sprintf(" There is one in another stack: write %q.", short)
		}
	}
	return ""
}
