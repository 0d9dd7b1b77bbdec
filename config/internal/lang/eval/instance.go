package eval

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Instance is a resource instance: a block has one, or with for_each and count any number.
type Instance struct {
	block  *module.Block
	in     *ModuleInstance
	parent *Instance // of the block around it, or nil
	// name is the address in messages: container.web["a"].
	name  string
	scope *Scope
	Path  resource.Path
	// key is that of for_each, or the index of count; cty.NilVal without both.
	key cty.Value
	// named is the place of its name.
	named resource.Range
	// declaration is its declaration, once body was asked for.
	declaration *schema.Declaration
	body        lazy
	// known are the attributes that don't depend on the body, once they were asked for.
	known cty.Value
	// postconditions are those of its lifecycle block.
	postconditions []*module.Condition
}

// ExpandedBlock holds the instances of a block, by the instance of the block around it.
type ExpandedBlock struct {
	expansion lazy
	groups    []*Group
	// paths holds the instances by their paths, once one is asked for.
	paths map[resource.Path]*Instance
	// places holds the groups by the path of the resource that they are in, once that is asked for.
	places map[resource.Path][]*Group
}

// at returns the instance at p, or nil.
func (x *ExpandedBlock) at(p resource.Path) *Instance {
	if x.paths == nil {
		x.paths = map[resource.Path]*Instance{}
		for _, n := range x.instances() {
			x.paths[n.Path] = n
		}
	}
	return x.paths[p]
}

// Group holds the instances of a block in one instance of the block around it.
type Group struct {
	Each      Repetition
	parent    *Instance
	instances []*Instance
}

// Expand returns the instances of a block.
func (m *ModuleInstance) Expand(b *module.Block, at resource.Range) (*ExpandedBlock, bool) {
	x := m.blocks[b]
	if x == nil {
		x = &ExpandedBlock{}
		m.blocks[b] = x
	}
	_, ok := m.Eval.once(&x.expansion, m.name(b.Address()), at, func() (cty.Value, bool) {
		parents := []*Instance{nil}
		if b.Parent != nil {
			above, ok := m.Expand(b.Parent, at)
			if !ok {
				return cty.DynamicVal, false
			}
			parents = above.instances()
		}
		for _, parent := range parents {
			s := m.Scope()
			if parent != nil {
				s = parent.scope
			}
			r, ok := m.Eval.Repeat(b.Syntax.Body, s)
			if !ok {
				return cty.DynamicVal, false
			}
			g := &Group{Each: r, parent: parent}
			for i := range r.Scopes {
				g.instances = append(g.instances, m.newInstance(b, g, i))
			}
			m.validateNames(g)
			x.groups = append(x.groups, g)
		}
		return cty.True, true
	})
	return x, ok
}

func (x *ExpandedBlock) instances() []*Instance {
	var all []*Instance
	for _, g := range x.groups {
		all = append(all, g.instances...)
	}
	return all
}

// newInstance makes the instance of a block at i, with its path: empty where something is wrong with it, which has been
// reported then.
func (m *ModuleInstance) newInstance(b *module.Block, g *Group, i int) *Instance {
	n := &Instance{block: b, in: m, parent: g.parent, name: m.name(b.Address() + g.Each.suffix(i)), body: lazy{apart: true}}
	if g.Each.Keys != nil {
		n.key = g.Each.Keys[i]
	}
	inner := *g.Each.Scopes[i]
	inner.Within = n
	n.scope = &inner
	name := m.instanceName(n, g, i)
	parent, ok := m.parentOf(n)
	if name != nil && ok {
		n.Path = schema.ChildPath(m.Eval.diags, b.Kind, parent, name)
	}
	return n
}

// instanceName returns the name of an instance: the argument name, or the label, followed by - and the index or the key
// where there are several.
func (m *ModuleInstance) instanceName(n *Instance, g *Group, i int) *source.Value {
	n.named = source.RangeOf(n.block.Syntax.LabelRanges[0])
	if g.Each.unknown {
		return nil
	}
	name := &source.Value{Shape: source.String, Text: n.block.Label, Range: n.named}
	if attr := n.block.Syntax.Body.Attributes["name"]; attr != nil {
		text, ok := m.Eval.SettledText(attr.Expr, n.scope, "the name of a "+n.block.Kind.Lower())
		if !ok {
			return nil
		}
		n.named = source.RangeOf(attr.Expr.Range())
		return &source.Value{Shape: source.String, Text: text, Range: n.named}
	}
	if g.Each.Keys == nil {
		return name
	}
	key, each := fmt.Sprint(i), "count"
	if !g.Each.list {
		key, each = g.Each.Keys[i].AsString(), "for_each"
	}
	name.Text += "-" + key
	if resource.CheckName(name.Text) != nil && resource.CheckName(n.block.Label) == nil {
		n.named = source.RangeOf(n.block.Syntax.Body.Attributes[each].NameRange)
		m.Eval.diags.Errorf(n.named, "", "Invalid name", "The key %q makes no name: %s would be called %q, and a name is made of a to z, 0 to 9 and single - in between, at most 63 characters. Use another key, or set name = … in the block, with each.key or each.value.", message.Shorten(key), n.name, message.Shorten(name.Text))
		return nil
	}
	return name
}

// validateNames reports instances of one block that have the same name.
func (m *ModuleInstance) validateNames(g *Group) {
	if g.Each.Keys == nil {
		return
	}
	seen := map[resource.Path]*Instance{}
	for _, n := range g.instances {
		if first := seen[n.Path]; first != nil && n.Path != "" {
			m.Eval.diags.Errorf(n.named, n.Path, "Duplicate resource", "%s and %s are both %s. Let name = … or parent = … in the block hold each.key or count.index.", first.name, n.name, n.Path)
			n.Path = ""
			continue
		}
		seen[n.Path] = n
	}
}

// parentOf returns the path above an instance.
func (m *ModuleInstance) parentOf(n *Instance) (resource.Path, bool) {
	attr := n.block.Syntax.Body.Attributes["parent"]
	k := n.block.Kind
	switch {
	case n.parent != nil && attr != nil:
		m.Eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Unsupported argument", "This %s is written inside its parent: remove the argument parent.", k.Lower())
		return n.parent.Path, n.parent.Path != ""
	case n.parent != nil:
		return n.parent.Path, n.parent.Path != ""
	case k == resource.KindRealm && attr != nil:
		m.Eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Unsupported argument", "A realm has no parent: remove the argument parent.")
		return "", true
	case k == resource.KindRealm && m.parent != "":
		m.Eval.diags.Errorf(n.named, "", "Misplaced block", "This module fills %s, where no realm can be. Take parent = … out of the module's block, or the realm out of the module.", m.parent)
		return "", false
	case k == resource.KindRealm:
		return "", true
	case attr == nil:
		return m.filled(n)
	}
	return m.writtenParent(n, attr)
}

// filled returns the path that the module fills, if n belongs right below it.
func (m *ModuleInstance) filled(n *Instance) (resource.Path, bool) {
	k := n.block.Kind
	if k.BelongsIn(m.parent) {
		return m.parent, true
	}
	declared := source.RangeOf(n.block.Syntax.DefRange())
	wants := fmt.Sprintf("parent = %q", schema.ParentShape(k, m.parent))
	if m.parent == "" && m.alone() {
		return "", m.leaveOut(n)
	}
	if m.parent == "" {
		m.Eval.diags.Errorf(declared, "", "Missing parent", "A %s at the top level must say where it belongs: write %s with the names, or move it into the block of its %s.", k.Lower(), wants, schema.Above(k))
		return "", false
	}
	if !slices.ContainsFunc(k.Parents(), func(above resource.Kind) bool { return above.Under(m.parent.Kind()) }) {
		m.Eval.diags.Errorf(declared, "", "Misplaced block", "This module fills the %s %s, in which no %s can be. Let parent = … in the module's block be the path of a %s, or of something above.", m.parent.Kind().Lower(), m.parent, k.Lower(), schema.Above(k))
		return "", false
	}
	m.Eval.diags.Errorf(declared, "", "Missing parent", "This module fills the %s %s: the %s must say where in it it belongs. Write %s with the names, seen from there.", m.parent.Kind().Lower(), m.parent, k.Lower(), wants)
	return "", false
}

// alone reports whether this may be a module that is checked without the block that calls it: it declares no realm.
func (m *ModuleInstance) alone() bool {
	return m.call == nil && m.Eval.options.Unassigned && len(m.Labels(resource.KindRealm)) == 0
}

// leaveOut warns that n belongs into a resource that only the caller of the module names. It returns false.
func (m *ModuleInstance) leaveOut(n *Instance) bool {
	m.Eval.partial = true
	m.Eval.diags.Warnf(source.RangeOf(n.block.Syntax.DefRange()), "", "Valid as a module only", "The %s %s gets its parent from the block module that calls this folder. To apply the folder by itself, write parent = … in the %[1]s.", n.block.Kind.Lower(), n.block.Label)
	return false
}

func (m *ModuleInstance) writtenParent(n *Instance, attr *hclsyntax.Attribute) (resource.Path, bool) {
	k := n.block.Kind
	at := source.RangeOf(attr.Expr.Range())
	text, ok := m.Eval.SettledText(attr.Expr, n.scope, "the parent of a "+k.Lower())
	if !ok {
		return "", false
	}
	p, err := resource.ParsePath(string(m.FullPath(text)))
	if err == nil && !k.BelongsIn(p) && k.Under(p.Kind()) && m.alone() {
		return "", m.leaveOut(n)
	}
	if err != nil {
		m.Eval.diags.Errorf(at, "", "Invalid parent", "%s.", message.Sentence(err.Error()))
		return "", false
	}
	if !k.BelongsIn(p) {
		m.Eval.diags.Errorf(at, "", "Invalid parent", "The parent of a %s is a %s, but %q is the path of a %s. Write parent = %q with the names.", k.Lower(), schema.Above(k), p, p.Kind().Lower(), schema.ParentShape(k, m.parent))
		return "", false
	}
	return p, true
}

// metaArguments are those of a resource's block that are no attributes of the resource.
var metaArguments = []string{"name", "parent", "for_each", "count"}

// declare evaluates the body of an instance.
func (n *Instance) declare(at resource.Range) (*schema.Declaration, bool) {
	m := n.in
	before := n.body.state
	_, ok := m.Eval.once(&n.body, n.name, at, func() (cty.Value, bool) {
		d := &schema.Declaration{Kind: n.block.Kind, Spelling: schema.HCL, Unassigned: m.Eval.options.Unassigned, Declared: source.RangeOf(n.block.Syntax.DefRange()), Path: n.Path, Include: m.Eval.include(), Places: m.Eval.options.Places}
		n.declaration = d
		before := len(*m.Eval.diags)
		d.Body = m.Eval.body(n.block.Syntax.Body, n.scope, func(b *hclsyntax.Block) bool {
			_, isKind := schema.NestedKind(n.block.Kind, b.Type)
			return isKind || b.Type == "lifecycle"
		}, metaArguments)
		d.Body.Range = d.Declared
		d.NamesOfCell(m.Eval.diags)
		m.Eval.lifecycle(n, d)
		m.awaitCallers()
		d.Decode(m.Eval.diags)
		return cty.True, !(*m.Eval.diags)[before:].HasErrors()
	})
	if before == unasked && n.declaration != nil {
		n.declaration.Decode(m.Eval.diags).References = n.references()
	}
	return n.declaration, ok
}

// references returns the paths of the resources that the values of n come from, and that are not around it.
func (n *Instance) references() []resource.Path {
	var paths []resource.Path
	for p := range n.body.used {
		if p != n.Path && !p.Contains(n.Path) && !n.Path.Contains(p) {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, resource.ComparePaths)
	return paths
}

// declareAll evaluates everything in a block, and in the blocks in it, in the order of the source.
func (m *ModuleInstance) declareAll(b *module.Block) {
	x, ok := m.Expand(b, source.RangeOf(b.Syntax.DefRange()))
	if ok {
		for _, n := range x.instances() {
			m.declareTree(n)
		}
	}
}

// declareTree declares n and then the blocks nested in it.
func (m *ModuleInstance) declareTree(n *Instance) {
	d, _ := n.declare(n.named)
	if d != nil && (d.Path != "" || !m.Eval.options.Unassigned) {
		m.Eval.declared = append(m.Eval.declared, d)
	}
	m.Eval.all = append(m.Eval.all, n)
	for _, nested := range n.block.Nested {
		x, ok := m.Expand(nested, source.RangeOf(nested.Syntax.DefRange()))
		if !ok {
			continue
		}
		for _, g := range x.groups {
			if g.parent != n {
				continue
			}
			for _, inner := range g.instances {
				m.declareTree(inner)
			}
		}
	}
}

// GroupsIn returns the groups in the resource at the path, or all groups for the empty path.
func (x *ExpandedBlock) GroupsIn(p resource.Path) []*Group {
	if p == "" {
		return x.groups
	}
	if x.places == nil {
		x.places = map[resource.Path][]*Group{}
		for _, g := range x.groups {
			x.places[g.Place()] = append(x.places[g.Place()], g)
		}
	}
	return x.places[p]
}

// Place returns the path of the resource that the instances of a group are in, or "" where that is unknown.
func (g *Group) Place() resource.Path {
	if g.parent != nil {
		return g.parent.Path
	}
	for _, n := range g.instances {
		if n.Path != "" {
			return n.Path.Parent()
		}
	}
	return ""
}
