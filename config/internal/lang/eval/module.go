package eval

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// ModuleInstance is a module where it is called: once for the root, otherwise as often as for_each or count say.
type ModuleInstance struct {
	Eval   *Evaluator
	Module *module.Module
	// address is the prefix of names in messages: module.blog["a"], empty for the root.
	address string
	// parent is the path of the resource that it fills, empty where its resources name their parents themselves.
	parent resource.Path
	// call and outside are the block that calls it and the scope of that; assigned holds the root's values instead.
	call     *module.Call
	outside  *Scope
	assigned map[string]variable.Value
	depth    int
	// awaited is the depends_on of its call.
	awaited lazy

	variables, locals, outputs map[string]*lazy
	calls                      map[string]*expandedCall
	blocks                     map[*module.Block]*ExpandedBlock
}

func (e *Evaluator) instantiate(m *module.Module, address string) *ModuleInstance {
	for _, d := range m.Manifests {
		d.Include = e.include()
		d.Places = e.options.Places
	}
	return &ModuleInstance{
		Eval: e, Module: m, address: address, variables: map[string]*lazy{}, locals: map[string]*lazy{},
		outputs: map[string]*lazy{}, calls: map[string]*expandedCall{}, blocks: map[*module.Block]*ExpandedBlock{},
	}
}

// name returns the name that messages use for a name local to the module.
func (m *ModuleInstance) name(local string) string {
	if m.address == "" {
		return local
	}
	return m.address + "." + local
}

// Scope returns the scope of the top level of the module.
func (m *ModuleInstance) Scope() *Scope { return &Scope{in: m} }

// local returns the value of a local value.
func (m *ModuleInstance) local(name string, at resource.Range) (cty.Value, bool) {
	attr := m.Module.Locals[name]
	if attr == nil {
		m.undeclared("local value", name, slices.Sorted(maps.Keys(m.Module.Locals)), fmt.Sprintf("Declare it: locals { %s = … }.", message.Shorten(name)), at)
		return cty.DynamicVal, false
	}
	return m.Eval.once(memo(m.locals, name), m.name("local."+name), at, func() (cty.Value, bool) {
		return m.Eval.evaluate(attr.Expr, m.Scope())
	})
}

func (m *ModuleInstance) undeclared(noun, name string, known []string, remedy string, at resource.Range) {
	hint := message.Suggest(name, known)
	if hint == "" {
		hint = " " + remedy
	}
	m.Eval.diags.Errorf(at, "", "Undeclared "+noun, "There is no %s %q here.%s", noun, message.Shorten(name), hint)
}

// path returns one of the directories that expressions can ask for. All are absolute, as the sources of volumes must be.
func (m *ModuleInstance) path(name string, at resource.Range) (cty.Value, bool) {
	switch name {
	case "module":
		return cty.StringVal(m.Module.Dir), true
	case "root":
		return cty.StringVal(m.Eval.rootDir), true
	case "cwd":
		dir, err := os.Getwd()
		if err == nil {
			return cty.StringVal(dir), true
		}
	}
	m.undeclared("path", name, []string{"module", "root", "cwd"}, "There are path.module, path.root and path.cwd.", at)
	return cty.DynamicVal, false
}

// about returns a member of kuke, the facts about the place of the module.
func (m *ModuleInstance) about(name string, at resource.Range) (cty.Value, bool) {
	if name == "parent" && m.parent == "" && m.alone() {
		return cty.UnknownVal(cty.String).RefineNotNull(), true
	}
	if name == "parent" {
		return cty.StringVal(string(m.parent)), true
	}
	m.undeclared("name", "kuke."+name, []string{"kuke.parent"}, "There is kuke.parent, the path that the module fills.", at)
	return cty.DynamicVal, false
}

// FullPath returns a path that is written in the module, seen from the outside.
func (m *ModuleInstance) FullPath(text string) resource.Path {
	if m.parent == "" {
		return resource.Path(text)
	}
	return resource.Path(string(m.parent) + "/" + text)
}
