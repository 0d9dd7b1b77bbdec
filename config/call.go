package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// maxModuleDepth bounds how deep modules call each other.
const maxModuleDepth = 32

// moduleInstance is a module where it is called: once for the root, otherwise as often as for_each or count say.
type moduleInstance struct {
	eval   *evaluator
	module *module.Module
	// address is what messages put before the names of what is in it: module.blog["a"], empty for the root.
	address string
	// parent is the path of the resource that it fills, empty where its resources say themselves where they belong.
	parent resource.Path
	// call and outside are the block that calls it and the scope of that; assigned holds the root's values instead.
	call     *module.Call
	outside  *scope
	assigned map[string]variable.Value
	depth    int
	// awaited is what its call says it depends on.
	awaited lazy

	variables, locals, outputs map[string]*lazy
	calls                      map[string]*expandedCall
	blocks                     map[*module.Block]*expandedBlock
}

func (e *evaluator) instantiate(m *module.Module, address string) *moduleInstance {
	return &moduleInstance{
		eval: e, module: m, address: address, variables: map[string]*lazy{}, locals: map[string]*lazy{},
		outputs: map[string]*lazy{}, calls: map[string]*expandedCall{}, blocks: map[*module.Block]*expandedBlock{},
	}
}

// name returns what messages call something in the module.
func (m *moduleInstance) name(local string) string {
	if m.address == "" {
		return local
	}
	return m.address + "." + local
}

func (m *moduleInstance) scope() *scope { return &scope{in: m} }

func memo(all map[string]*lazy, name string) *lazy {
	if all[name] == nil {
		all[name] = &lazy{}
	}
	return all[name]
}

// local returns the value of a local value.
func (m *moduleInstance) local(name string, at resource.Range) (cty.Value, bool) {
	attr := m.module.Locals[name]
	if attr == nil {
		m.undeclared("local value", name, slices.Sorted(maps.Keys(m.module.Locals)), fmt.Sprintf("Declare it: locals { %s = … }.", message.Shorten(name)), at)
		return cty.DynamicVal, false
	}
	return m.eval.once(memo(m.locals, name), m.name("local."+name), at, func() (cty.Value, bool) {
		return m.eval.evaluate(attr.Expr, m.scope())
	})
}

func (m *moduleInstance) undeclared(what, name string, known []string, mend string, at resource.Range) {
	hint := message.Suggest(name, known)
	if hint == "" {
		hint = " " + mend
	}
	m.eval.diags.Errorf(at, "", "Undeclared "+what, "There is no %s %q here.%s", what, message.Shorten(name), hint)
}

// path returns one of the directories that expressions can ask for. All are absolute, as the sources of volumes must be.
func (m *moduleInstance) path(name string, at resource.Range) (cty.Value, bool) {
	switch name {
	case "module":
		return cty.StringVal(m.module.Dir), true
	case "root":
		return cty.StringVal(m.eval.rootDir), true
	case "cwd":
		dir, err := os.Getwd()
		if err == nil {
			return cty.StringVal(dir), true
		}
	}
	m.undeclared("path", name, []string{"module", "root", "cwd"}, "There are path.module, path.root and path.cwd.", at)
	return cty.DynamicVal, false
}

// about returns what the module can know of where it is.
func (m *moduleInstance) about(name string, at resource.Range) (cty.Value, bool) {
	if name == "parent" {
		return cty.StringVal(string(m.parent)), true
	}
	m.undeclared("name", "kuke."+name, []string{"kuke.parent"}, "There is kuke.parent, the path that the module fills.", at)
	return cty.DynamicVal, false
}

// variable returns the value of an input.
func (m *moduleInstance) variable(name string, at resource.Range) (cty.Value, bool) {
	v := m.module.Variables[name]
	if v == nil {
		m.undeclared("variable", name, slices.Sorted(maps.Keys(m.module.Variables)), fmt.Sprintf("Declare it: variable %q {}.", message.Shorten(name)), at)
		return cty.DynamicVal, false
	}
	l := memo(m.variables, name)
	if l.state == running && m.eval.running[len(m.eval.running)-1] == m.name("var."+name) {
		// A validation looks at its own variable.
		return l.value, l.ok
	}
	return m.eval.once(l, m.name("var."+name), at, func() (cty.Value, bool) {
		val, ok := m.input(v)
		if !ok {
			return cty.DynamicVal, false
		}
		l.value, l.ok = mark(val, v.Sensitive), true
		for _, r := range v.Validations {
			m.eval.holds(r, m.scope(), resource.Error, "Invalid value of a variable", "")
		}
		return l.value, true
	})
}

// input returns what is given for v.
func (m *moduleInstance) input(v *module.Variable) (cty.Value, bool) {
	if m.call == nil {
		return m.assignment(v)
	}
	attr := m.call.Syntax.Body.Attributes[v.Name]
	if attr == nil {
		if v.Default == cty.NilVal {
			m.eval.diags.Errorf(source.RangeOf(m.call.Syntax.DefRange()), "", "Missing argument", "The module %s needs a value for %s.%s Write %s = … here.", m.call.Label, v.Name, explained(v.Description), v.Name)
			return cty.DynamicVal, false
		}
		return v.Default, true
	}
	val, ok := m.eval.evaluate(attr.Expr, m.outside)
	if !ok {
		return cty.DynamicVal, false
	}
	val, err := v.Given(val)
	if err != nil {
		m.eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Wrong type", "%s is no value for the variable %s of the module: %s.", message.Shorten(attr.Name), v.Name, err)
		return cty.DynamicVal, false
	}
	return val, true
}

// explained returns a description as a sentence with a space before it, or nothing.
func explained(description string) string {
	text := strings.TrimSpace(description)
	if text == "" {
		return ""
	}
	return " " + strings.TrimSuffix(text, ".") + "."
}

// assignment returns what was assigned to a variable of the root module.
func (m *moduleInstance) assignment(v *module.Variable) (cty.Value, bool) {
	a, found := m.assigned[v.Name]
	if a.Unusable {
		return cty.DynamicVal, false
	}
	if !found {
		switch {
		case v.Default != cty.NilVal:
			return v.Default, true
		case m.eval.input.Ask == nil:
			m.eval.diags.Errorf(v.Declared, "", "Missing value", "The variable %s has no value.%s Give it one with --var %s=…, with --var-file, or with the environment variable %s%s; or give it a default.", v.Name, explained(v.Description), v.Name, variable.EnvPrefix, v.Name)
			return cty.DynamicVal, false
		}
		text, err := m.eval.input.Ask(v.Name, v.Description, v.Sensitive)
		if err != nil {
			m.eval.diags.Errorf(v.Declared, "", "Missing value", "The variable %s has no value: %v.", v.Name, err)
			return cty.DynamicVal, false
		}
		a = variable.Entered(text)
	}
	val, err := a.Parse(v)
	if err == nil {
		val, err = v.Given(val)
	}
	if err != nil {
		at := a.At
		if at.File == "" {
			at = v.Declared
		} else if v.Sensitive {
			m.eval.sources.Hide(at.File)
		}
		m.eval.diags.Errorf(at, "", "Wrong type", "The value for the variable %s, from %s, can't be used: %s.", v.Name, a.From, strings.TrimSuffix(err.Error(), "."))
		return cty.DynamicVal, false
	}
	return val, true
}

// expandedCall are the modules that a call stands for.
type expandedCall struct {
	expansion lazy
	each      repetition
	instances []*moduleInstance
}

// output returns what module.<label> stands for: an object of the outputs, or with for_each or count a collection of them.
func (m *moduleInstance) output(label string, at resource.Range) (cty.Value, bool) {
	c := m.module.Calls[label]
	if c == nil {
		m.undeclared("module", label, slices.Sorted(maps.Keys(m.module.Calls)), fmt.Sprintf("Declare it: module %q { … }.", message.Shorten(label)), at)
		return cty.DynamicVal, false
	}
	x, ok := m.expandCall(c, at)
	if !ok {
		return cty.DynamicVal, false
	}
	var values []cty.Value
	for _, inner := range x.instances {
		outputs := map[string]cty.Value{}
		for name := range inner.module.Outputs {
			val, found := inner.result(name, at)
			if !found {
				return cty.DynamicVal, false
			}
			outputs[name] = val
		}
		values = append(values, cty.ObjectVal(outputs))
	}
	return x.each.collect(values), true
}

// givesOut reports whether the module called label has the output that t refers to, or complains that it hasn't.
func (m *moduleInstance) givesOut(label string, t hcl.Traversal) bool {
	x := m.calls[label]
	at := 2
	if x != nil && x.each.keys != nil {
		at = 3 // after the key
	}
	if len(t) <= at || x == nil || len(x.instances) == 0 {
		return true
	}
	name, ok := attributeName(t[at])
	outputs := x.instances[0].module.Outputs
	if !ok || outputs[name] != nil {
		return true
	}
	m.eval.diags.Errorf(source.RangeOf(t.SourceRange()), "", "Undeclared output", "The module %s gives out no %q.%s", label, message.Shorten(name),
		message.Or(message.Suggest(name, slices.Sorted(maps.Keys(outputs))), " Declare it there: output \""+message.Shorten(name)+"\" { value = … }."))
	return false
}

// result returns the value of an output.
func (m *moduleInstance) result(name string, at resource.Range) (cty.Value, bool) {
	o := m.module.Outputs[name]
	return m.eval.once(memo(m.outputs, name), m.name("output."+name), at, func() (cty.Value, bool) {
		for _, r := range o.Preconditions {
			m.eval.holds(r, m.scope(), resource.Error, "Precondition does not hold", "")
		}
		val, ok := m.eval.evaluate(o.Value.Expr, m.scope())
		if o.DependsOn != nil {
			ok = m.await(o.DependsOn) && ok
		}
		if ok && m.call == nil && !o.Sensitive && functions.IsSensitive(val) {
			m.eval.diags.Errorf(source.RangeOf(o.Value.Expr.Range()), "", "Sensitive output", "The output %s holds a sensitive value, and would show it. Write sensitive = true in it, or nonsensitive(…) around what is no secret.", name)
			return val, false
		}
		return mark(val, o.Sensitive), ok
	})
}

// expandCall works out which modules a call stands for.
func (m *moduleInstance) expandCall(c *module.Call, at resource.Range) (*expandedCall, bool) {
	x := m.calls[c.Label]
	if x == nil {
		x = &expandedCall{}
		m.calls[c.Label] = x
	}
	_, ok := m.eval.once(&x.expansion, m.name("module."+c.Label), at, func() (cty.Value, bool) { return cty.True, x.expand(m, c) })
	return x, ok
}

func (x *expandedCall) expand(m *moduleInstance, c *module.Call) bool {
	called, ok := m.calledModule(c)
	if !ok {
		return false
	}
	m.checkArguments(c, called)
	x.each, ok = m.eval.repeat(c.Syntax.Body, m.scope())
	if !ok {
		return false
	}
	for i, s := range x.each.scopes {
		inner := m.eval.instantiate(called, m.name("module."+c.Label)+x.each.suffix(i))
		inner.call, inner.outside, inner.depth, inner.parent = c, s, m.depth+1, m.parent
		if attr := c.Syntax.Body.Attributes["parent"]; attr != nil {
			if inner.parent, ok = m.parentPath(attr, s); !ok {
				return false
			}
		}
		x.instances = append(x.instances, inner)
	}
	return true
}

// parentPath returns the path that a module is to fill, which is seen from the one that the module around it fills.
func (m *moduleInstance) parentPath(attr *hclsyntax.Attribute, s *scope) (resource.Path, bool) {
	text, ok := m.eval.settledText(attr.Expr, s, "the parent of a module")
	if !ok {
		return "", false
	}
	p, err := resource.ParsePath(string(m.within(text)))
	switch {
	case err != nil:
		m.eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Invalid parent", "%s.", message.Sentence(err.Error()))
	case p.Kind() == resource.KindContainer:
		m.eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Invalid parent", "%s is the path of a container, which holds nothing. Write the path of what the module fills.", p)
	default:
		return p, true
	}
	return "", false
}

// within returns a path that is written in the module, seen from the outside.
func (m *moduleInstance) within(text string) resource.Path {
	if m.parent == "" {
		return resource.Path(text)
	}
	return resource.Path(string(m.parent) + "/" + text)
}

// calledModule reads the module that c calls.
func (m *moduleInstance) calledModule(c *module.Call) (*module.Module, bool) {
	attr := c.Syntax.Body.Attributes["source"]
	if attr == nil {
		m.eval.diags.Errorf(source.RangeOf(c.Syntax.DefRange()), "", "Missing argument", "The module %s has no source: write the path of its folder, such as source = \"./modules/%s\".", c.Label, c.Label)
		return nil, false
	}
	written, ok := m.eval.settledText(attr.Expr, m.scope(), "the source of a module")
	if !ok {
		return nil, false
	}
	at := source.RangeOf(attr.Expr.Range())
	dir, err := module.Directory(m.module.Dir, written)
	if err != nil {
		m.eval.diags.Errorf(at, "", "Unsupported source", "%s.", message.Sentence(err.Error()))
		return nil, false
	}
	for above := m; above != nil; above = above.caller() {
		// A link leads back in as many ways as one likes.
		if source.Identity(above.module.Dir) == source.Identity(dir) || m.depth >= maxModuleDepth {
			m.eval.diags.Errorf(at, "", "Cycle", "The module in %s calls itself: %s. Take one of these calls away.", written, m.chain(dir))
			return nil, false
		}
	}
	return m.eval.readModule(dir, at)
}

func (m *moduleInstance) caller() *moduleInstance {
	if m.outside == nil {
		return nil
	}
	return m.outside.in
}

// chain names the folders that led to the call of the module in dir.
func (m *moduleInstance) chain(dir string) string {
	names := []string{m.eval.shown(dir)}
	for above := m; above != nil; above = above.caller() {
		names = append(names, m.eval.shown(above.module.Dir))
	}
	slices.Reverse(names)
	return strings.Join(names, " → ")
}

// shown returns dir as seen from the configuration.
func (e *evaluator) shown(dir string) string {
	if rel, err := filepath.Rel(e.rootDir, dir); err == nil {
		return rel
	}
	return dir
}

// readModule reads the files of a module, once.
func (e *evaluator) readModule(dir string, at resource.Range) (*module.Module, bool) {
	if m := e.modules[dir]; m != nil {
		return m, true
	}
	if outside := e.files(dir).Check(dir); outside != nil {
		e.diags.Errorf(at, "", "Module outside of the configuration", "The folder %s is not in the configuration's directory %s. Move the module there, or allow it with --allow-outside-files.", e.shown(dir), e.rootDir)
		return nil, false
	}
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		e.diags.Errorf(at, "", "Unreadable module", "There is no folder %s. Check the source, which is seen from the folder of this file.", e.shown(dir))
		return nil, false
	}
	before := len(*e.diags)
	found := source.Discover([]string{source.Shown(dir)}, nil, e.files(dir), e.diags)
	m := module.New(dir)
	m.Read(found, e.sources, e.diags)
	if m.Settings != nil {
		e.diags.Errorf(m.Settings.Declared, "", "Misplaced block", "The project is that of the whole configuration. Write the block kuke beside the block module that calls this module, not in the module.")
	}
	if (*e.diags)[before:].HasErrors() {
		return nil, false
	}
	e.modules[dir] = m
	return m, true
}

// checkArguments refuses arguments of a call that are no inputs of the module.
func (m *moduleInstance) checkArguments(c *module.Call, called *module.Module) {
	for _, b := range c.Syntax.Body.Blocks {
		m.eval.diags.Errorf(source.RangeOf(b.DefRange()), "", "Unsupported block", "A module takes arguments only, one for each of its variables.")
	}
	for _, attr := range source.SortedAttributes(c.Syntax.Body) {
		switch attr.Name {
		case "source", "parent", "for_each", "count", "depends_on":
			continue
		case "version", "providers":
			m.eval.diags.Errorf(source.RangeOf(attr.NameRange), "", "Unsupported argument", "A module of kuke has no %s: it is a folder. Take the argument away.", attr.Name)
			continue
		}
		if called.Variables[attr.Name] == nil {
			m.eval.diags.Errorf(source.RangeOf(attr.NameRange), "", "Unsupported argument", "The module %s has no variable %q.%s", c.Label, message.Shorten(attr.Name), message.Suggest(attr.Name, slices.Sorted(maps.Keys(called.Variables))))
		}
	}
}
