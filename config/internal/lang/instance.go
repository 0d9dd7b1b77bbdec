package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// instance is one of the resources that a block stands for.
type instance struct {
	block  *module.Block
	in     *moduleInstance
	parent *instance // of the block around it, or nil
	// name is what messages call it: container.web["a"].
	name  string
	scope *scope
	path  resource.Path
	// named is the place of its name.
	named resource.Range
	// declaration is what its body says, once body was asked for.
	declaration *schema.Declaration
	body        lazy
	// known are the attributes that can be told without the body, once they were asked for.
	known cty.Value
	// postconditions are for what its lifecycle says of its values.
	postconditions []*module.Condition
}

// expandedBlock are the resources that a block stands for, by the instance of the block around it.
type expandedBlock struct {
	expansion lazy
	groups    []*group
	// paths holds the instances by their paths, once one is asked for.
	paths map[resource.Path]*instance
	// places holds the groups by the path of what they are in, once that is asked for.
	places map[resource.Path][]*group
}

// at returns the instance at p, or nil.
func (x *expandedBlock) at(p resource.Path) *instance {
	if x.paths == nil {
		x.paths = map[resource.Path]*instance{}
		for _, n := range x.instances() {
			x.paths[n.path] = n
		}
	}
	return x.paths[p]
}

// group is what a block stands for in one instance of the block around it.
type group struct {
	each      repetition
	parent    *instance
	instances []*instance
}

// expand works out which resources a block stands for.
func (m *moduleInstance) expand(b *module.Block, at resource.Range) (*expandedBlock, bool) {
	x := m.blocks[b]
	if x == nil {
		x = &expandedBlock{}
		m.blocks[b] = x
	}
	_, ok := m.eval.once(&x.expansion, m.name(b.Address()), at, func() (cty.Value, bool) {
		parents := []*instance{nil}
		if b.Parent != nil {
			above, ok := m.expand(b.Parent, at)
			if !ok {
				return cty.DynamicVal, false
			}
			parents = above.instances()
		}
		for _, parent := range parents {
			s := m.scope()
			if parent != nil {
				s = parent.scope
			}
			r, ok := m.eval.repeat(b.Syntax.Body, s)
			if !ok {
				return cty.DynamicVal, false
			}
			g := &group{each: r, parent: parent}
			for i := range r.scopes {
				g.instances = append(g.instances, m.newInstance(b, g, i))
			}
			m.checkNames(g)
			x.groups = append(x.groups, g)
		}
		return cty.True, true
	})
	return x, ok
}

func (x *expandedBlock) instances() []*instance {
	var all []*instance
	for _, g := range x.groups {
		all = append(all, g.instances...)
	}
	return all
}

// newInstance makes the instance of a block at i, with its path: empty where something is wrong with it, which has been
// reported then.
func (m *moduleInstance) newInstance(b *module.Block, g *group, i int) *instance {
	n := &instance{block: b, in: m, parent: g.parent, name: m.name(b.Address() + g.each.suffix(i)), body: lazy{apart: true}}
	inner := *g.each.scopes[i]
	inner.within = n
	n.scope = &inner
	name := m.instanceName(n, g, i)
	parent, ok := m.parentOf(n)
	if name != nil && ok {
		n.path = schema.ChildPath(m.eval.diags, b.Kind, parent, name)
	}
	return n
}

// instanceName returns the name of an instance: what name = says, or the label, followed by - and the index or the key
// where there are several.
func (m *moduleInstance) instanceName(n *instance, g *group, i int) *source.Value {
	n.named = source.RangeOf(n.block.Syntax.LabelRanges[0])
	name := &source.Value{Shape: source.String, Text: n.block.Label, Range: n.named}
	if attr := n.block.Syntax.Body.Attributes["name"]; attr != nil {
		text, ok := m.eval.settledText(attr.Expr, n.scope, "the name of a "+n.block.Kind.Lower())
		if !ok {
			return nil
		}
		n.named = source.RangeOf(attr.Expr.Range())
		return &source.Value{Shape: source.String, Text: text, Range: n.named}
	}
	if g.each.keys == nil {
		return name
	}
	key, each := fmt.Sprint(i), "count"
	if !g.each.list {
		key, each = g.each.keys[i].AsString(), "for_each"
	}
	name.Text += "-" + key
	if resource.CheckName(name.Text) != nil && resource.CheckName(n.block.Label) == nil {
		n.named = source.RangeOf(n.block.Syntax.Body.Attributes[each].NameRange)
		m.eval.diags.Errorf(n.named, "", "Invalid name", "The key %q makes no name: %s would be called %q, and a name is made of a to z, 0 to 9 and single - in between, at most 63 characters. Use another key, or set name = … in the block, with each.key or each.value.", message.Shorten(key), n.name, message.Shorten(name.Text))
		return nil
	}
	return name
}

// checkNames reports instances of one block that have the same name.
func (m *moduleInstance) checkNames(g *group) {
	if g.each.keys == nil {
		return
	}
	seen := map[resource.Path]*instance{}
	for _, n := range g.instances {
		if first := seen[n.path]; first != nil && n.path != "" {
			m.eval.diags.Errorf(n.named, n.path, "Duplicate resource", "%s and %s are both %s. Let name = … or parent = … in the block hold each.key or count.index.", first.name, n.name, n.path)
			n.path = ""
			continue
		}
		seen[n.path] = n
	}
}

// parentOf returns the path above an instance.
func (m *moduleInstance) parentOf(n *instance) (resource.Path, bool) {
	attr := n.block.Syntax.Body.Attributes["parent"]
	k := n.block.Kind
	switch {
	case n.parent != nil && attr != nil:
		m.eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Unsupported argument", "This %s is written inside its parent: remove the argument parent.", k.Lower())
		return n.parent.path, n.parent.path != ""
	case n.parent != nil:
		return n.parent.path, n.parent.path != ""
	case k == resource.KindRealm && attr != nil:
		m.eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Unsupported argument", "A realm has no parent: remove the argument parent.")
		return "", true
	case k == resource.KindRealm && m.parent != "":
		m.eval.diags.Errorf(n.named, "", "Misplaced block", "This module fills %s, where no realm can be. Take parent = … out of the module's block, or the realm out of the module.", m.parent)
		return "", false
	case k == resource.KindRealm:
		return "", true
	case attr == nil:
		return m.filled(n)
	}
	return m.writtenParent(n, attr)
}

// filled returns the path that the module fills, if n belongs right below it.
func (m *moduleInstance) filled(n *instance) (resource.Path, bool) {
	k := n.block.Kind
	if m.parent.Depth() == k.Depth()-1 {
		return m.parent, true
	}
	declared := source.RangeOf(n.block.Syntax.DefRange())
	wants := fmt.Sprintf("parent = %q", parentShape(k, m.parent))
	if m.parent == "" {
		m.eval.diags.Errorf(declared, "", "Missing parent", "A %s at the top level must say where it belongs: write %s with the names, or move it into the block of its %s.", k.Lower(), wants, schema.Above(k))
		return "", false
	}
	if m.parent.Depth() >= k.Depth() {
		m.eval.diags.Errorf(declared, "", "Misplaced block", "This module fills the %s %s, in which no %s can be. Let parent = … in the module's block be the path of a %s, or of something above.", m.parent.Kind().Lower(), m.parent, k.Lower(), schema.Above(k))
		return "", false
	}
	m.eval.diags.Errorf(declared, "", "Missing parent", "This module fills the %s %s: the %s must say where in it it belongs. Write %s with the names, seen from there.", m.parent.Kind().Lower(), m.parent, k.Lower(), wants)
	return "", false
}

// parentShape shows what the parent of a kind looks like, seen from the path that is filled.
func parentShape(k resource.Kind, filled resource.Path) string {
	var shape []string
	for _, level := range resource.Kinds[min(filled.Depth(), k.Depth()-1) : k.Depth()-1] {
		shape = append(shape, level.Lower())
	}
	return strings.Join(shape, "/")
}

func (m *moduleInstance) writtenParent(n *instance, attr *hclsyntax.Attribute) (resource.Path, bool) {
	k := n.block.Kind
	at := source.RangeOf(attr.Expr.Range())
	text, ok := m.eval.settledText(attr.Expr, n.scope, "the parent of a "+k.Lower())
	if !ok {
		return "", false
	}
	p, err := resource.ParsePath(string(m.within(text)))
	if err != nil {
		m.eval.diags.Errorf(at, "", "Invalid parent", "%s.", message.Sentence(err.Error()))
		return "", false
	}
	if p.Depth() != k.Depth()-1 {
		m.eval.diags.Errorf(at, "", "Invalid parent", "The parent of a %s is a %s, but %q is the path of a %s. Write parent = %q with the names.", k.Lower(), schema.Above(k), p, p.Kind().Lower(), parentShape(k, m.parent))
		return "", false
	}
	return p, true
}

// metaArguments are those of a resource's block that are no attributes of the resource.
var metaArguments = []string{"name", "parent", "for_each", "count"}

// declare works out what the body of an instance says.
func (n *instance) declare(at resource.Range) (*schema.Declaration, bool) {
	m := n.in
	before := n.body.state
	_, ok := m.eval.once(&n.body, n.name, at, func() (cty.Value, bool) {
		d := &schema.Declaration{Kind: n.block.Kind, Spelling: schema.HCL, Declared: source.RangeOf(n.block.Syntax.DefRange()), Path: n.path}
		n.declaration = d
		before := len(*m.eval.diags)
		d.Body = m.eval.body(n.block.Syntax.Body, n.scope, func(b *hclsyntax.Block) bool {
			_, isKind := schema.KindOf(b.Type)
			return isKind || b.Type == "lifecycle"
		}, metaArguments)
		d.Body.Range = d.Declared
		d.NamesOfCell(m.eval.diags)
		m.eval.lifecycle(n, d)
		m.awaitCallers()
		d.Decode(m.eval.diags)
		return cty.True, !(*m.eval.diags)[before:].HasErrors()
	})
	if before == unasked && n.declaration != nil {
		n.declaration.Decode(m.eval.diags).References = n.references()
	}
	return n.declaration, ok
}

// references returns the paths of the resources that the values of n come from, and that are not around it.
func (n *instance) references() []resource.Path {
	var paths []resource.Path
	for p := range n.body.used {
		if p != n.path && !p.Contains(n.path) && !n.path.Contains(p) {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, resource.ComparePaths)
	return paths
}

// declareAll works out everything in a block, and in the blocks in it, in the order of the source.
func (m *moduleInstance) declareAll(b *module.Block) {
	x, ok := m.expand(b, source.RangeOf(b.Syntax.DefRange()))
	if ok {
		for _, n := range x.instances() {
			m.declareTree(n)
		}
	}
}

// declareTree declares n and then what is nested in it.
func (m *moduleInstance) declareTree(n *instance) {
	d, _ := n.declare(n.named)
	if d != nil {
		m.eval.declared = append(m.eval.declared, d)
	}
	m.eval.all = append(m.eval.all, n)
	for _, nested := range n.block.Nested {
		x, ok := m.expand(nested, source.RangeOf(nested.Syntax.DefRange()))
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
