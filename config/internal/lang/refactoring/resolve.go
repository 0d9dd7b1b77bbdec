package refactoring

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang/eval"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// resolution is the result for an address: a path where the resource is declared, else the steps that are not.
type resolution struct {
	path resource.Path
	// rest are the steps that are declared no longer, from the first one on.
	rest []addressStep
	// above is the path of the resource that the first of the rest was in, where that is known.
	above resource.Path
}

// resolve finds the resource of an address, in the resource at the path in where that isn't empty. ok is false where an
// error has been reported.
func (m *reader) resolve(t *address, in resource.Path, s *eval.Scope) (r resolution, ok bool) {
	r.path = in
	for i := range t.steps {
		step := &t.steps[i]
		p, above, ok := m.lookUp(step, r.path, s, t.at)
		if !ok {
			return r, false
		}
		if p == "" {
			if r.path != "" {
				above = r.path
			}
			return resolution{rest: t.steps[i:], above: above}, true
		}
		r.path = p
	}
	return r, true
}

// lookUp returns the path of the resource of a step, in the resource at in where that isn't empty, or no path where it is
// not declared. above is then the path that it was in, where one block of its label tells.
func (m *reader) lookUp(step *addressStep, in resource.Path, s *eval.Scope, at resource.Range) (p, above resource.Path, ok bool) {
	if strings.Contains(step.label, "/") || step.kind == resource.KindRealm && in == "" && m.in.Find(step.kind, step.label, nil) == nil && m.in.Manifest(step.kind, step.label) == nil {
		return m.findPath(step, at)
	}
	var found []resource.Path
	groups := 0
	for _, b := range m.in.Find(step.kind, step.label, s.Within) {
		x, expanded := m.in.Expand(b, at)
		if !expanded {
			return "", "", false
		}
		for _, g := range x.GroupsIn(in) {
			if groups++; groups == 1 {
				above = g.Place()
			} else if above != g.Place() {
				above = ""
			}
			n := g.Instance(step.key)
			if n == nil {
				continue
			}
			if n.Path == "" {
				return "", "", false // its error has been reported
			}
			found = append(found, n.Path)
		}
	}
	if groups == 0 && step.key == cty.NilVal {
		if d := m.in.Manifest(step.kind, step.label); d != nil && (in == "" || d.Path.Parent() == in) {
			return d.Path, "", true
		}
	}
	if len(found) > 1 {
		m.diags.Errorf(at, "", "Ambiguous reference", "%s is the address of several resources, %s and %s among them. Refer to the one that is meant by its path, or through the block that it is in, as in cell.web[\"a\"].container.nginx.", step.text(), found[0], found[1])
		return "", "", false
	}
	if len(found) == 0 {
		return "", above, true
	}
	return found[0], "", true
}

// findPath is lookUp for a step with a path for a label.
func (m *reader) findPath(step *addressStep, at resource.Range) (p, above resource.Path, ok bool) {
	p, err := resource.ParsePath(step.label)
	if err != nil || p.Kind() != step.kind || step.key != cty.NilVal {
		m.diags.Errorf(at, "", "Invalid reference", "%q is no path of a %s.", message.Shorten(step.label), step.kind.Lower())
		return "", "", false
	}
	return p, "", true
}

// hasOwnNames reports whether a block with the label names its instances by an argument, so that the former name of another
// key is unknown.
func (m *reader) hasOwnNames(step *addressStep) bool {
	return slices.ContainsFunc(m.in.Find(step.kind, step.label, nil), func(b *module.Block) bool { return b.Syntax.Body.Attributes["name"] != nil })
}

// former returns the path that the rest of an address had below the path above.
func (m *reader) former(above resource.Path, rest []addressStep) (resource.Path, bool) {
	p := above
	for i := range rest {
		name, ok := rest[i].name()
		if !ok || !rest[i].kind.BelongsIn(p) || m.hasOwnNames(&rest[i]) {
			return "", false
		}
		p = rest[i].kind.Below(p, name)
	}
	return p, true
}

// notDeclared reports an address of which the rest is not declared.
func (m *reader) notDeclared(t *address, r resolution) {
	step := &r.rest[0]
	switch {
	case !slices.Contains(m.in.Labels(step.kind), step.label):
		m.diags.Errorf(t.at, "", "Undeclared "+step.kind.Lower(), "There is no %s %q here.%s", step.kind.Lower(), message.Shorten(step.label), message.Or(message.Suggest(step.label, m.in.Labels(step.kind)), " Refer to one of another module, or of another file, by its path."))
	case step.key == cty.NilVal:
		m.diags.Errorf(t.at, "", "Missing key", "%s may have any number of instances, or is in a block that may. Name one by its key, as in cell.web[\"a\"], and through the block that it is in, as in cell.web[\"a\"].container.nginx.", step.text())
	default:
		m.diags.Errorf(t.at, "", "Undeclared "+step.kind.Lower(), "There is no %s: %s.%s has no instance with this key. Name one that it has.", step.text(), step.kind.Lower(), step.label)
	}
}
