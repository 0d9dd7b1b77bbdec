package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/realm"
)

// cell is a cell that is declared here, or only spoken of by its containers, and those containers in the order
// of the source.
type cell struct {
	declared   *declaration // nil if it isn't
	containers []*declaration
}

// finishCells settles the root of every cell and checks what its containers depend on.
func finishCells(decls []*declaration, diags *realm.Diagnostics) {
	cells := map[realm.Path]*cell{}
	at := func(p realm.Path) *cell {
		if cells[p] == nil {
			cells[p] = &cell{}
		}
		return cells[p]
	}
	var order []realm.Path
	for _, d := range decls {
		if d.resource == nil {
			continue
		}
		switch d.kind {
		case realm.KindCell:
			at(d.path).declared = d
			order = append(order, d.path)
		case realm.KindContainer:
			c := at(d.path.Parent())
			c.containers = append(c.containers, d)
			order = append(order, d.path.Parent())
		}
	}
	done := map[realm.Path]bool{}
	for _, p := range order {
		if done[p] {
			continue
		}
		done[p] = true
		cells[p].chooseRoot(diags)
		cells[p].checkDependencies(diags)
	}
}

func spec(d *declaration) *realm.Container { return d.resource.Spec.(*realm.Container) }

func (c *cell) container(name string) *declaration {
	i := slices.IndexFunc(c.containers, func(d *declaration) bool { return d.path.Name() == name })
	if i < 0 {
		return nil
	}
	return c.containers[i]
}

func (c *cell) names() []string {
	names := make([]string, 0, len(c.containers))
	for _, d := range c.containers {
		names = append(names, d.path.Name())
	}
	return names
}

// chooseRoot sees that a cell that is declared and has containers has exactly one root.
func (c *cell) chooseRoot(diags *realm.Diagnostics) {
	var root *declaration
	for _, d := range c.containers {
		if !spec(d).Root {
			continue
		}
		if root != nil {
			at := d.resource.RangeOf("root")
			diags.Errorf(at, d.path, "Two root containers", "A cell has one root container, but both %s (%s) and %s say root = true. Take it from one of them.", root.path.Name(), root.resource.RangeOf("root"), d.path.Name())
			continue
		}
		root = d
	}
	if c.declared == nil || c.declared.external {
		return
	}
	if id := c.declared.rootID; id != nil {
		named := c.container(id.text)
		switch {
		case named == nil:
			diags.Errorf(id.rng, c.declared.path, "No such container", "%s is %q, but the cell has no container of that name in this configuration.%s", c.declared.format.rootID, shorten(id.text), suggest(id.text, c.names()))
		case root != nil && root != named:
			diags.Errorf(id.rng, c.declared.path, "Two root containers", "%s names %s, but %s says root = true at %s. Keep one of them.", c.declared.format.rootID, named.path.Name(), root.path.Name(), root.resource.RangeOf("root"))
		}
		if root == nil {
			root = named
		}
	}
	if root == nil {
		if i := slices.IndexFunc(c.containers, func(d *declaration) bool { return !d.external }); i >= 0 {
			root = c.containers[i]
		}
	}
	if root != nil {
		spec(root).Root = true
	}
}

// checkDependencies sees that what containers depend on exists, where all of the cell is known, and that no
// container waits for itself.
func (c *cell) checkDependencies(diags *realm.Diagnostics) {
	whole := c.declared != nil && !c.declared.external
	for _, d := range c.containers {
		for _, name := range spec(d).DependsOn {
			if whole && c.container(name) == nil {
				diags.Errorf(dependencyRange(d, name), d.path, "No such container", "%s depends on %q, but its cell has no container of that name in this configuration.%s", d.path.Name(), name, suggest(name, c.names()))
			}
		}
	}
	for _, cycle := range c.cycles() {
		d := cycle[0]
		names := make([]string, 0, len(cycle)+1)
		for _, member := range append(cycle, d) {
			names = append(names, member.path.Name())
		}
		reason := "so that none of them could start first"
		if i := slices.IndexFunc(cycle, func(d *declaration) bool { return spec(d).Root }); i >= 0 && len(cycle) > 1 {
			d = cycle[i]
			names = append(names[i:len(names)-1], names[:i+1]...)
			reason = fmt.Sprintf("but %s is the cell's root container, which starts before every other", d.path.Name())
		}
		at := d.resource.RangeOf("dependsOn")
		if len(names) > 1 {
			at = dependencyRange(d, names[1])
		}
		diags.Errorf(at, d.path, "Dependency cycle", "%s, %s. Take one of these dependencies away.", strings.Join(names, " → "), reason)
	}
}

func dependencyRange(d *declaration, name string) realm.Range {
	if rng, ok := d.resource.Ranges[fmt.Sprintf("dependsOn[%q]", name)]; ok {
		return rng
	}
	return d.resource.RangeOf("dependsOn")
}

// cycles returns circles of containers of which each waits for the next and the last for the first: one for
// every place where a walk along the dependencies comes back to where it was.
func (c *cell) cycles() [][]*declaration {
	var found [][]*declaration
	var stack []*declaration
	const active, finished = 1, 2
	state := map[*declaration]int{}
	var visit func(d *declaration)
	visit = func(d *declaration) {
		state[d] = active
		stack = append(stack, d)
		for _, next := range c.waitsFor(d) {
			switch state[next] {
			case active:
				found = append(found, slices.Clone(stack[slices.Index(stack, next):]))
			case finished:
			default:
				visit(next)
			}
		}
		stack = stack[:len(stack)-1]
		state[d] = finished
	}
	for _, d := range c.containers {
		if state[d] == 0 {
			visit(d)
		}
	}
	return found
}

// waitsFor returns the containers that are started before d: those it depends on, and the root.
func (c *cell) waitsFor(d *declaration) []*declaration {
	var before []*declaration
	for _, name := range spec(d).DependsOn {
		if other := c.container(name); other != nil {
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
