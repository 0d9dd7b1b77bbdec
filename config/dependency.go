package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// checkDependencies sees that what containers depend on exists, where all of the cell is known, and can come to be what
// it must be, and that no container waits for itself.
func (c *cell) checkDependencies(diags *resource.Diagnostics) {
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
				diags.Errorf(dependencyRange(d, on.Name), d.Path, "No such container", "%s depends on %q, but its cell has no container of that name in this configuration.%s", d.Path.Name(), on.Name, message.Suggest(on.Name, c.names()))
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
	case d.External: // what is true of it is known where it is managed
	case condition == resource.Healthy && spec(d).Healthcheck == nil:
		return "it has no healthcheck. Give it one"
	case condition == resource.Completed && spec(d).Root:
		return "it is the cell's root container, whose end takes the network from all of the cell. Let it depend on another container"
	case condition == resource.Completed:
		return neverEnds(d, "its restart policy")
	}
	return ""
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
	checked := func(d *schema.Declaration) bool { return spec(d).Healthcheck != nil }
	root := slices.IndexFunc(c.containers, func(d *schema.Declaration) bool { return spec(d).Root })
	switch {
	case c.declared.External || slices.ContainsFunc(c.containers, external): // as for containers
	case condition == resource.Healthy && !slices.ContainsFunc(c.containers, checked):
		return "none of its containers has a healthcheck. Give one to those that count"
	case condition == resource.Completed && root < 0:
		return "it has no container. Declare one"
	case condition == resource.Completed && c.containers[root].Resource.ImpliedRoot: // another may be recorded, which planning knows
		return ""
	case condition == resource.Completed:
		return neverEnds(c.containers[root], "the restart policy of its root container "+c.containers[root].Path.Name())
	}
	return ""
}

// impossible reports a condition that what d depends on, shown by its name, can't meet.
func impossible(d *schema.Declaration, key string, condition resource.Condition, shown, reason string, diags *resource.Diagnostics) {
	at := d.Resource.RangeOf(fmt.Sprintf("dependsOn[%q].condition", key))
	diags.Errorf(at, d.Path, "Impossible condition", "%s can't become %s: %s, or take the condition away.", shown, condition, reason)
}

// checkCellDependencies sees of cells what checkDependencies does of containers. order holds the paths of all cells.
func checkCellDependencies(cells map[resource.Path]*cell, order []resource.Path, members map[resource.Path][]string, diags *resource.Diagnostics) {
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
				diags.Errorf(dependencyRange(d, on.Name), d.Path, "No such cell", "%s depends on %s, but the stack %s has no cell %q in this configuration.%s", d.Path, p, p.Parent(), p.Name(), message.Suggest(p.Name(), names))
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

// checkReferences sees that no resource waits for itself because of the values that it takes from others.
func checkReferences(decls []*schema.Declaration, diags *resource.Diagnostics) {
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

// reportCycle reports that everything in cycle waits for the next, the last for the first. name returns what their
// dependencies call them.
func reportCycle(cycle []*schema.Declaration, name func(resource.Path) string, reason string, diags *resource.Diagnostics) {
	names := make([]string, 0, len(cycle)+1)
	for _, member := range append(slices.Clone(cycle), cycle[0]) {
		names = append(names, name(member.Path))
	}
	at := dependencyRange(cycle[0], names[1])
	if most := 12; len(names) > most {
		names = slices.Concat(names[:most-2], []string{"…"}, names[len(names)-2:])
	}
	diags.Errorf(at, cycle[0].Path, "Dependency cycle", "%s, %s. Take one of these dependencies away.", strings.Join(names, " → "), reason)
}

// dependencyRange returns where d says that it depends on name.
func dependencyRange(d *schema.Declaration, name string) resource.Range {
	if rng, ok := d.Resource.Ranges[fmt.Sprintf("dependsOn[%q].name", name)]; ok {
		return rng
	}
	return d.Resource.RangeOf("dependsOn")
}

// maxCycles bounds how many cycles are looked for: more than anybody reads at once.
const maxCycles = 20

// cycles returns circles of declarations of which each waits for the next and the last for the first: one for
// every place where a walk along waitsFor comes back to where it was, up to a bound.
func cycles(all []*schema.Declaration, waitsFor func(*schema.Declaration) []*schema.Declaration) [][]*schema.Declaration {
	var found [][]*schema.Declaration
	var stack []*schema.Declaration
	const active, finished = 1, 2
	state := map[*schema.Declaration]int{}
	var visit func(d *schema.Declaration)
	visit = func(d *schema.Declaration) {
		state[d] = active
		stack = append(stack, d)
		for _, next := range waitsFor(d) {
			switch state[next] {
			case active:
				if len(found) < maxCycles {
					found = append(found, slices.Clone(stack[slices.Index(stack, next):]))
				}
			case finished:
			default:
				visit(next)
			}
		}
		stack = stack[:len(stack)-1]
		state[d] = finished
	}
	for _, d := range all {
		if state[d] == 0 {
			visit(d)
		}
	}
	return found
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
