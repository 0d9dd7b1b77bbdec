package assemble

import (
	"slices"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// cell is a cell that is declared here, or only spoken of by its containers, and those containers in the order
// of the source.
type cell struct {
	declared   *schema.Declaration // nil if it isn't
	containers []*schema.Declaration
}

// finishCells chooses the root of every cell, and validates the dependencies of cells and their containers.
func finishCells(decls []*schema.Declaration, members map[resource.Path][]string, diags *resource.Diagnostics) {
	cells := map[resource.Path]*cell{}
	var order []resource.Path
	at := func(p resource.Path) *cell {
		if cells[p] == nil {
			cells[p] = &cell{}
			order = append(order, p)
		}
		return cells[p]
	}
	for _, d := range decls {
		if d.Resource == nil {
			continue
		}
		switch d.Kind {
		case resource.KindCell:
			at(d.Path).declared = d
		case resource.KindContainer:
			c := at(d.Path.Parent())
			c.containers = append(c.containers, d)
		}
	}
	for _, p := range order {
		cells[p].chooseRoot(diags)
		cells[p].validateDependencies(diags)
		cells[p].validateSysctls(diags)
	}
	validateCellDependencies(cells, order, members, diags)
}

func spec(d *schema.Declaration) *resource.Container { return d.Resource.Spec.(*resource.Container) }

func (c *cell) container(name string) *schema.Declaration {
	i := slices.IndexFunc(c.containers, func(d *schema.Declaration) bool { return d.Path.Name() == name })
	if i < 0 {
		return nil
	}
	return c.containers[i]
}

func (c *cell) names() []string {
	names := make([]string, 0, len(c.containers))
	for _, d := range c.containers {
		names = append(names, d.Path.Name())
	}
	return names
}

// chooseRoot sees that a cell that is declared and has containers has exactly one root.
func (c *cell) chooseRoot(diags *resource.Diagnostics) {
	var root *schema.Declaration
	for _, d := range c.containers {
		if !spec(d).Root {
			continue
		}
		if root != nil {
			at := d.Resource.RangeOf("root")
			diags.Errorf(at, d.Path, "Two root containers", "A cell has one root container, but both %s (%s) and %s say root = true. Take it from one of them.", root.Path.Name(), root.Resource.RangeOf("root"), d.Path.Name())
			continue
		}
		root = d
	}
	if c.declared == nil || c.declared.External {
		return
	}
	if id := c.declared.RootID; id != nil {
		named := c.container(id.Text)
		switch {
		case named == nil:
			diags.Errorf(id.Range, c.declared.Path, "Unknown container", "%s is %q, but the cell has no container of that name in this configuration.%s", c.declared.Spelling.RootID, message.Shorten(id.Text), message.Suggest(id.Text, c.names()))
		case root != nil && root != named:
			diags.Errorf(id.Range, c.declared.Path, "Two root containers", "%s names %s, but %s says root = true at %s. Keep one of them.", c.declared.Spelling.RootID, named.Path.Name(), root.Path.Name(), root.Resource.RangeOf("root"))
		}
		if root == nil {
			root = named
		}
	}
	if root == nil {
		if root = c.impliedRoot(); root != nil {
			root.Resource.ImpliedRoot = true
		}
		for _, d := range c.containers {
			d.Unsettled = true
		}
	}
	if root != nil {
		spec(root).Root = true
	}
}

// impliedRoot returns the container that is the root of the cell where nothing says which is, and none is recorded: the
// first that can start before all others, else the first, and then there is something to report. It returns nil where
// there is no container.
func (c *cell) impliedRoot() *schema.Declaration {
	awaited := map[string]bool{}
	for _, d := range c.containers {
		for _, on := range spec(d).DependsOn {
			if on.Condition == resource.Completed {
				awaited[on.Name] = true
			}
		}
	}
	var first *schema.Declaration
	for _, d := range c.containers {
		if d.External {
			continue
		}
		if first == nil {
			first = d
		}
		beside := func(p resource.Path) bool { return p.Parent() == d.Path.Parent() }
		if len(spec(d).DependsOn) == 0 && !awaited[d.Path.Name()] && !slices.ContainsFunc(d.Resource.References, beside) {
			return d
		}
	}
	return first
}
