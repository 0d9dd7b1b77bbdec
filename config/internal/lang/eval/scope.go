package eval

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Scope is the place of an expression, which decides the values of the names in it.
type Scope struct {
	in *ModuleInstance
	// Within is the resource whose block it stands in, or nil.
	Within *Instance
	// names are the names that blocks around it define: each, count, self and the iterators of dynamic blocks.
	names map[string]cty.Value
}

// with returns a scope in which name has the value as well.
func (s *Scope) with(name string, val cty.Value) *Scope {
	inner := *s
	inner.names = maps.Clone(s.names)
	if inner.names == nil {
		inner.names = map[string]cty.Value{}
	}
	inner.names[name] = val
	return &inner
}

// context returns the values that an expression refers to.
func (e *Evaluator) context(variables []hcl.Traversal, uses map[int]use, s *Scope) (*hcl.EvalContext, bool) {
	ok := true
	vars := map[string]cty.Value{}
	members := map[string]map[string]cty.Value{}
	var wanted resourceReferences
	for _, t := range variables {
		root := t.RootName()
		if val, found := s.names[root]; found {
			vars[root] = val
			continue
		}
		if k, isKind := schema.KindOf(root); isKind {
			ok = wanted.add(e, k, t, uses) && ok
			continue
		}
		name, val, found := e.member(root, t, s)
		ok = ok && found
		if !found {
			continue
		}
		if members[root] == nil {
			members[root] = map[string]cty.Value{}
		}
		members[root][name] = val
	}
	for root, values := range wanted.values(e, s, &ok) {
		members[root] = values
	}
	for root, values := range members {
		vars[root] = cty.ObjectVal(values)
	}
	return &hcl.EvalContext{Variables: vars, Functions: e.functionsIn(s.in.Module.Dir)}, ok
}

// functionsIn returns the functions that expressions of a module in dir may call.
func (e *Evaluator) functionsIn(dir string) map[string]function.Function {
	if e.functions[dir] == nil {
		table := functions.Table(e.files(dir))
		for name, f := range maps.Clone(table) {
			table["core::"+name] = f // as Terraform calls those that no provider brings
		}
		e.functions[dir] = table
	}
	return e.functions[dir]
}

// member returns the value of a reference below one of the words that are no resources: var.x, local.y.
func (e *Evaluator) member(root string, t hcl.Traversal, s *Scope) (name string, val cty.Value, ok bool) {
	at := source.RangeOf(t.SourceRange())
	roots := map[string]func(string, resource.Range) (cty.Value, bool){
		"var": s.in.variable, "local": s.in.local, "module": s.in.output, "path": s.in.path, "kuke": s.in.about,
	}
	find := roots[root]
	if find == nil {
		e.unknownVariable(t)
		return "", cty.NilVal, false
	}
	if len(t) > 1 {
		if member, isAttr := t[1].(hcl.TraverseAttr); isAttr {
			val, ok = find(member.Name, at)
			return member.Name, val, ok && (root != "module" || s.in.givesOut(member.Name, t))
		}
	}
	example := map[string]string{"path": "path.module", "kuke": "kuke.parent"}[root]
	if example == "" {
		example = root + ".name"
	}
	e.diags.Errorf(at, "", "Invalid reference", "%s is an incomplete reference: write a name after a dot, as in %s.", root, example)
	return "", cty.NilVal, false
}

// unknownVariable explains that t refers to nothing: mostly, quotes were forgotten.
func (e *Evaluator) unknownVariable(t hcl.Traversal) {
	at := source.RangeOf(t.SourceRange())
	name := t.RootName()
	where := map[string]string{
		"each": "in a block with for_each, and in the blocks in it", "count": "in a block with count, and in the blocks in it",
		"self": "in a postcondition",
	}
	switch {
	case where[name] != "":
		e.diags.Errorf(at, "", "Invalid reference", "%s has a value only %s.", name, where[name])
	case slices.Contains([]string{"data", "resource", "terraform"}, name):
		e.diags.Errorf(at, "", "Unknown variable", "There is no %s in kuke. Resources are referred to by their kind, as in cell.web.address, variables as in var.name.", name)
	case len(t) == 1:
		e.diags.Errorf(at, "", "Unknown variable", "Without quotes, %s is read as the name of a variable, and there is none of that name. To mean the text, write %q.%s", message.Shorten(name), message.Shorten(name), message.Suggest(name, rootWords()))
	default:
		e.diags.Errorf(at, "", "Unknown variable", "There is no variable called %q. To mean text, put it in quotes.%s", message.Shorten(name), message.Suggest(name, rootWords()))
	}
}

// rootWords are those that a reference can begin with.
func rootWords() []string {
	return append(schema.KindWords(), "var", "local", "module", "path", "kuke")
}

// knows reports whether every name that the variables begin with is defined in s.
func (s *Scope) knows(variables []hcl.Traversal) bool {
	for _, t := range variables {
		_, named := s.names[t.RootName()]
		if !named && !slices.Contains(rootWords(), t.RootName()) {
			return false
		}
	}
	return true
}
