package schema

import (
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// DependsOn is the argument, or block, by which a container or cell names the ones that it waits for.
const DependsOn = "depends_on"

// NamesOfCell turns the paths in the depends_on of a container into names, since it waits for containers of its own cell.
func (d *Declaration) NamesOfCell(diags *resource.Diagnostics) {
	if d.Kind != resource.KindContainer || d.Path == "" || d.Body == nil {
		return
	}
	for _, f := range d.Body.Fields {
		if f.Name != DependsOn {
			continue
		}
		f.Value.Items = slices.DeleteFunc(f.Value.Items, func(item *source.Value) bool {
			for _, member := range item.Fields {
				if member.Name == "name" {
					item = member.Value
				}
			}
			return !d.nameOfCell(item, diags)
		})
	}
}

// nameOfCell turns a path into a name, and reports whether it is that of a container of the same cell.
func (d *Declaration) nameOfCell(v *source.Value, diags *resource.Diagnostics) bool {
	on, err := resource.ParsePath(v.Text)
	switch {
	case v.Shape != source.String || !strings.Contains(v.Text, "/") || err != nil:
		return true // the decoder judges it
	case on.Kind() != resource.KindContainer:
		diags.Errorf(v.Range, d.Path, "Invalid reference", "A container waits for containers of its own cell, and %s is a %s. Write depends_on in the cell.", on, on.Kind().Lower())
		return false
	case on.Parent() != d.Path.Parent():
		diags.Errorf(v.Range, d.Path, "Invalid reference", "A container waits for containers of its own cell, and %s is in another one. Write depends_on in the cell.", on)
		return false
	}
	v.Text = on.Name()
	return true
}
