package refactoring

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kukeon/kuke/config/internal/lang/eval"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// declaredPath returns the path of the resource that expr names: as a text, or as a reference to something declared.
func (m *reader) declaredPath(expr hclsyntax.Expression, s *eval.Scope) (resource.Path, bool) {
	t, ok := m.addressOf(expr, s)
	if !ok || t == nil {
		return m.pathOf(expr, s, ok)
	}
	r, ok := m.resolve(t, "", s)
	if ok && r.rest != nil {
		m.notDeclared(t, r)
		return "", false
	}
	return r.path, ok
}

// pathOf returns the path that is the text of expr; ok is false where an error has been reported before.
func (m *reader) pathOf(expr hclsyntax.Expression, s *eval.Scope, ok bool) (resource.Path, bool) {
	if !ok {
		return "", false
	}
	at := source.RangeOf(expr.Range())
	if t, problems := hcl.AbsTraversalForExpr(expr); !problems.HasErrors() {
		if k, isKind := schema.KindOf(t.RootName()); isKind {
			m.diags.Errorf(at, "", "Invalid reference", "This is no address of a %s. Write it as in %s.web, %s.web[\"key\"] or %s[\"path\"].", k.Lower(), k.Lower(), k.Lower(), k.Lower())
			return "", false
		}
	}
	text, ok := m.in.Eval.SettledText(expr, s, "a path")
	if !ok {
		return "", false
	}
	p, err := resource.ParsePath(string(m.in.FullPath(text)))
	if err != nil {
		m.diags.Errorf(at, "", "Invalid path", "%s.", message.Sentence(err.Error()))
		return "", false
	}
	return p, true
}

// address is an address of a resource in a block moved, removed or import: cell.web["a"], or cell.web["a"].container.nginx
// for a resource that is written in the block of another.
type address struct {
	steps []addressStep
	at    resource.Range
}

// addressStep is one kind of an address, with a label, which may be a path, and a key, cty.NilVal where there is none.
type addressStep struct {
	kind  resource.Kind
	label string
	key   cty.Value
}

// text writes the address as it is written in a configuration.
func (t *address) text() string {
	var parts []string
	for _, s := range t.steps {
		parts = append(parts, s.text())
	}
	return strings.Join(parts, ".")
}

func (t *address) last() *addressStep { return &t.steps[len(t.steps)-1] }

// withKey returns the address with the key at its end.
func (t *address) withKey(key cty.Value) *address {
	keyed := &address{slices.Clone(t.steps), t.at}
	keyed.last().key = key
	return keyed
}

func (s *addressStep) text() string {
	text := s.kind.Lower() + "." + s.label
	if strings.Contains(s.label, "/") {
		text = fmt.Sprintf("%s[%q]", s.kind.Lower(), s.label)
	}
	if s.key == cty.NilVal {
		return text
	}
	key, _ := s.keyText()
	if s.key.Type() == cty.Number {
		return text + "[" + key + "]"
	}
	return fmt.Sprintf("%s[%q]", text, key)
}

// keyText returns the key as names hold it.
func (s *addressStep) keyText() (string, bool) {
	text, err := convert.Convert(s.key, cty.String)
	if err != nil || text.IsNull() || !text.IsKnown() || text.IsMarked() {
		return "", false
	}
	return text.AsString(), true
}

// name returns the name that a resource with the label and the key had.
func (s *addressStep) name() (string, bool) {
	name := s.label
	if s.key != cty.NilVal {
		key, ok := s.keyText()
		if !ok {
			return "", false
		}
		name += "-" + key
	}
	return name, resource.CheckName(name) == nil
}

// addressOf reads expr as an address. It returns nil where it is none, but a path for instance, and ok is false where that
// has been reported.
func (m *reader) addressOf(expr hclsyntax.Expression, s *eval.Scope) (t *address, ok bool) {
	items, ok := m.flatten(expr, s)
	if !ok || len(items) == 0 {
		return nil, ok
	}
	t = &address{at: source.RangeOf(expr.Range())}
	for len(items) > 0 {
		k, isKind := schema.KindOf(items[0].name)
		if !isKind || len(items) == 1 || len(t.steps) > 0 && !k.Under(t.steps[len(t.steps)-1].kind) {
			return nil, true
		}
		step := addressStep{kind: k, label: items[1].name}
		if items[1].key != cty.NilVal {
			path, isText := source.StepName(hcl.TraverseIndex{Key: items[1].key})
			if !isText || len(t.steps) > 0 {
				return nil, true
			}
			step.label = path
		}
		items = items[2:]
		if len(items) > 0 && items[0].key != cty.NilVal {
			step.key, items = items[0].key, items[1:]
		}
		t.steps = append(t.steps, step)
	}
	return t, true
}

// addressItem is .name or [key] of an address.
type addressItem struct {
	name string
	key  cty.Value
}

// flatten returns the items of an address whose keys may be expressions, or none where expr is something else.
func (m *reader) flatten(expr hclsyntax.Expression, s *eval.Scope) ([]addressItem, bool) {
	var rest hcl.Traversal
	var items []addressItem
	ok := true
	switch e := expr.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		if _, isKind := schema.KindOf(e.Traversal.RootName()); !isKind {
			return nil, true
		}
		items, rest = []addressItem{{name: e.Traversal.RootName()}}, e.Traversal[1:]
	case *hclsyntax.RelativeTraversalExpr:
		items, ok = m.flatten(e.Source, s)
		rest = e.Traversal
	case *hclsyntax.IndexExpr:
		items, ok = m.flatten(e.Collection, s)
		if !ok || len(items) == 0 {
			return nil, ok
		}
		key, settled := m.in.Eval.Settled(e.Key, s, "a key")
		if !settled || key.IsNull() {
			return nil, settled
		}
		return append(items, addressItem{key: key}), true
	}
	if !ok || len(items) == 0 {
		return nil, ok
	}
	for _, step := range rest {
		switch step := step.(type) {
		case hcl.TraverseAttr:
			items = append(items, addressItem{name: step.Name})
		case hcl.TraverseIndex:
			items = append(items, addressItem{key: step.Key})
		default:
			return nil, true
		}
	}
	return items, true
}
