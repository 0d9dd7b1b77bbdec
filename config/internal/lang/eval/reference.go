package eval

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// resourceReference holds the questions of one expression about the resources called label.
type resourceReference struct {
	kind  resource.Kind
	label string
	at    resource.Range
	// attributes are the attributes asked for; all says that these are unknown, so that every attribute is needed.
	attributes []string
	all        bool
	// mentioned says that it counts as a reference whichever attribute is asked for.
	mentioned bool
	// keys are the keys of the instances asked for; every says that these are unknown, so that every instance is needed.
	keys  []cty.Value
	every bool
	// bare is the first place that asks for an attribute without a key before it.
	bare *resource.Range
}

// resourceReferences are those of one expression.
type resourceReferences []*resourceReference

// add notes that t refers to resources of kind k, with its use. It returns false once it has reported an error.
func (w *resourceReferences) add(e *Evaluator, k resource.Kind, t hcl.Traversal, uses map[int]use) bool {
	at := source.RangeOf(t.SourceRange())
	var label string
	if len(t) > 1 {
		label, _ = source.StepName(t[1])
	}
	if label == "" {
		e.diags.Errorf(at, "", "Invalid reference", "%s is an incomplete reference: name a resource, as in %s.web, or by its path, as in %s[\"…\"].", k.Lower(), k.Lower(), k.Lower())
		return false
	}
	attribute, key := referredAttribute(t[2:])
	if used, ok := uses[t.SourceRange().Start.Byte]; ok && len(t) == 2 {
		attribute, key = used.attribute, used.key
	}
	if attribute != "" && !slices.Contains(attributeNames(k), attribute) {
		e.diags.Errorf(at, "", "Unsupported attribute", "A %s has no attribute %q.%s", k.Lower(), message.Shorten(attribute), message.Or(message.Suggest(attribute, attributeNames(k)), " It has "+strings.Join(attributeNames(k), ", ")+"."))
		return false
	}
	i := slices.IndexFunc(*w, func(r *resourceReference) bool { return r.kind == k && r.label == label })
	if i < 0 {
		i = len(*w)
		*w = append(*w, &resourceReference{kind: k, label: label, at: at})
	}
	r := (*w)[i]
	if attribute != "" && key == cty.NilVal && r.bare == nil {
		r.bare = &at
	}
	r.all = r.all || attribute == ""
	r.attributes = append(r.attributes, attribute)
	r.every = r.every || key == cty.NilVal || !key.IsKnown() || key.IsMarked() || key.IsNull()
	r.keys = append(r.keys, key)
	return true
}

// values returns the values of the references, by the word for the kind and then by label. It sets ok to false once it has
// reported an error.
func (w resourceReferences) values(e *Evaluator, s *Scope, ok *bool) map[string]map[string]cty.Value {
	all := map[string]map[string]cty.Value{}
	for _, r := range w {
		val, found := r.value(e, s)
		*ok = *ok && found
		if !found {
			continue
		}
		word := r.kind.Lower()
		if all[word] == nil {
			all[word] = map[string]cty.Value{}
		}
		all[word][r.label] = val
	}
	return all
}

func (r *resourceReference) value(e *Evaluator, s *Scope) (cty.Value, bool) {
	if strings.Contains(r.label, "/") || r.kind == resource.KindRealm && s.in.Find(r.kind, r.label, nil) == nil {
		return r.byPath(e, s)
	}
	blocks := s.in.Find(r.kind, r.label, s.Within)
	switch {
	case len(blocks) == 0:
		if d := s.in.Manifest(r.kind, r.label); d != nil {
			return e.object(d, r)
		}
		e.diags.Errorf(r.at, "", "Undeclared "+r.kind.Lower(), "There is no %s %q here.%s", r.kind.Lower(), message.Shorten(r.label), message.Or(message.Suggest(r.label, s.in.Labels(r.kind)), " Refer to one of another module, or of another file, by its path: "+r.kind.Lower()+"[\"…\"]."))
		return cty.DynamicVal, false
	case len(blocks) > 1:
		e.diags.Errorf(r.at, "", "Ambiguous reference", "Several blocks are called %s (%s and %s). Refer to the one that is meant by its path: %s[\"…\"].", blocks[0].Address(), source.RangeOf(blocks[0].Syntax.DefRange()), source.RangeOf(blocks[1].Syntax.DefRange()), r.kind.Lower())
		return cty.DynamicVal, false
	}
	x, ok := s.in.Expand(blocks[0], r.at)
	if !ok {
		return cty.DynamicVal, false
	}
	groups := near(x.groups, s.Within)
	if len(groups) != 1 {
		e.diags.Errorf(r.at, "", "Ambiguous reference", "%s stands in a block that is there %d times. Refer to the one that is meant by its path: %s[\"…\"].", blocks[0].Address(), len(groups), r.kind.Lower())
		return cty.DynamicVal, false
	}
	g := groups[0]
	if g.Each.Keys != nil && r.bare != nil {
		e.withoutKey(r, blocks[0], g)
		return cty.DynamicVal, false
	}
	return e.members(g, r)
}

// members returns the instances of a group as r sees them. Those that it doesn't ask for are left out, as there may be
// thousands.
func (e *Evaluator) members(g *Group, r *resourceReference) (cty.Value, bool) {
	var wanted []int
	if g.Each.Keys == nil || r.every {
		for i := range g.instances {
			wanted = append(wanted, i)
		}
	} else {
		wanted = g.Each.find(r.keys)
	}
	if !e.spend(len(wanted), r.at) {
		return cty.DynamicVal, false
	}
	part := Repetition{list: g.Each.list}
	var values []cty.Value
	for _, i := range wanted {
		val, ok := g.instances[i].object(r)
		if !ok {
			return cty.DynamicVal, false
		}
		for g.Each.list && len(values) < i {
			values = append(values, cty.DynamicVal)
		}
		values = append(values, val)
		if g.Each.Keys != nil {
			part.Keys = append(part.Keys, g.Each.Keys[i])
		}
	}
	if g.Each.Keys != nil && part.Keys == nil {
		part.Keys = []cty.Value{}
	}
	return part.collect(values), true
}

// withoutKey reports that a reference asks for an attribute of several instances.
func (e *Evaluator) withoutKey(r *resourceReference, b *module.Block, g *Group) {
	name := b.Address()
	each, key, all := "for_each", "each.key", "values("+name+")[*]"
	if g.Each.list {
		each, key, all = "count", "count.index", name+"[*]"
	}
	example := "[" + key + "]"
	if len(g.Each.Keys) > 0 {
		example = g.Each.suffix(0)
	}
	e.diags.Errorf(*r.bare, "", "Missing key", "%s has %s, so that there may be any number of them. Name one by its key, as in %s%s, or by %s in a block with the same %s; all of them are %s.", name, each, name, example, key, each, all)
}

// near returns those of the groups that share most of the blocks around them with n.
func near(groups []*Group, n *Instance) []*Group {
	var best []*Group
	most := -1
	for _, g := range groups {
		shared := 0
		for p := g.parent; p != nil; p = p.parent {
			if n != nil && (p == n || n.inside(p)) {
				shared++
			}
		}
		if shared > most {
			best, most = nil, shared
		}
		if shared == most {
			best = append(best, g)
		}
	}
	return best
}

// inside reports whether n is in the block of the instance p.
func (n *Instance) inside(p *Instance) bool {
	for above := n.parent; above != nil; above = above.parent {
		if above == p {
			return true
		}
	}
	return false
}

// Find returns the blocks of kind k called label that share most of the blocks around them with the block of n.
func (m *ModuleInstance) Find(k resource.Kind, label string, n *Instance) []*module.Block {
	around := map[*module.Block]bool{}
	for ; n != nil; n = n.parent {
		around[n.block] = true
	}
	var best []*module.Block
	most := -1
	m.Module.Walk(func(b *module.Block) {
		if b.Kind != k || b.Label != label {
			return
		}
		shared := 0
		for p := b.Parent; p != nil; p = p.Parent {
			if around[p] {
				shared++
			}
		}
		if shared > most {
			best, most = nil, shared
		}
		if shared == most {
			best = append(best, b)
		}
	})
	return best
}

// Labels returns the labels of the blocks of kind k, and the names of manifests.
func (m *ModuleInstance) Labels(k resource.Kind) []string {
	all := map[string]bool{}
	m.Module.Walk(func(b *module.Block) {
		if b.Kind == k {
			all[b.Label] = true
		}
	})
	for _, d := range m.Module.Manifests {
		if d.Kind == k && d.Path != "" {
			all[d.Path.Name()] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Manifest returns the one resource of a YAML file with the kind and the name, or nil.
func (m *ModuleInstance) Manifest(k resource.Kind, name string) *schema.Declaration {
	var found *schema.Declaration
	for _, d := range m.Module.Manifests {
		if d.Kind == k && d.Path != "" && d.Path.Name() == name {
			if found != nil {
				return nil
			}
			found = d
		}
	}
	return found
}

// byPath returns the resource that is called by its path, wherever it is declared.
func (r *resourceReference) byPath(e *Evaluator, s *Scope) (cty.Value, bool) {
	p, err := resource.ParsePath(r.label)
	if err != nil || p.Kind() != r.kind {
		e.diags.Errorf(r.at, "", "Invalid reference", "%q is no path of a %s.", message.Shorten(r.label), r.kind.Lower())
		return cty.DynamicVal, false
	}
	for _, m := range e.instances(e.root) {
		for _, d := range m.Module.Manifests {
			if d.Path == p {
				return e.object(d, r)
			}
		}
		var found *Instance
		ok := true
		m.Module.Walk(func(b *module.Block) {
			if found != nil || b.Kind != r.kind || !ok {
				return
			}
			if x := m.blocks[b]; x != nil && x.expansion.state == running {
				return // a block that is being expanded can't be meant: its instances have no paths yet
			}
			x, expanded := m.Expand(b, r.at)
			if ok = expanded; !ok {
				return
			}
			if ok = e.spend(1, r.at); ok {
				found = x.at(p)
			}
		})
		if !ok {
			return cty.DynamicVal, false
		}
		if found != nil {
			return found.object(r)
		}
	}
	e.diags.Errorf(r.at, "", "Undeclared "+r.kind.Lower(), "There is no %s %s in this configuration. One that is managed elsewhere must be declared with external = true.", r.kind.Lower(), p)
	return cty.DynamicVal, false
}

// instances returns m and all modules that are called in it.
func (e *Evaluator) instances(m *ModuleInstance) []*ModuleInstance {
	all := []*ModuleInstance{m}
	for _, c := range m.Module.CallOrder {
		if x := m.calls[c.Label]; x != nil && x.expansion.state == running {
			continue
		}
		if x, ok := m.expandCall(c, source.RangeOf(c.Syntax.DefRange())); ok {
			for _, inner := range x.instances {
				all = append(all, e.instances(inner)...)
			}
		}
	}
	return all
}
