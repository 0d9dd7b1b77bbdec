package planner

import "github.com/kukeon/kuke/config/resource"

// checkNaming makes sure that no container contradicts the root container of its cell on an attribute of the whole cell. The
// configuration was checked for the roots that it names; a recorded root may be another one.
func (d *request) checkNaming() {
	for _, r := range d.in.desired.Resources() {
		spec, ok := r.Spec.(*resource.Container)
		rootPath := d.in.rootOf(r.Path.Parent())
		if !ok || r.External || rootPath == r.Path || rootPath == "" || !d.draft.targeted(r.Path) {
			continue
		}
		root, ok := d.in.specOf(rootPath).(*resource.Container)
		if !ok {
			continue
		}
		if name := spec.Contradicts(root); name != "" {
			d.diags.Errorf(r.RangeOf(name), r.Path, "Conflicting values in a cell", "%s of container %s holds for all of cell %s, whose root container %s has another value. Write it there, and remove it here.", name, r.Path, r.Path.Parent(), rootPath.Name())
		}
	}
}
