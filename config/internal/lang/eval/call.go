package eval

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// maxModuleDepth bounds how deep modules call each other.
const maxModuleDepth = 32

// expandedCall holds the module instances of a call.
type expandedCall struct {
	expansion lazy
	// called is the module, nil where it could not be read.
	called    *module.Module
	each      Repetition
	instances []*ModuleInstance
}

// expandCall returns the module instances of a call.
func (m *ModuleInstance) expandCall(c *module.Call, at resource.Range) (*expandedCall, bool) {
	x := m.calls[c.Label]
	if x == nil {
		x = &expandedCall{}
		m.calls[c.Label] = x
	}
	_, ok := m.Eval.once(&x.expansion, m.name("module."+c.Label), at, func() (cty.Value, bool) { return cty.True, x.expand(m, c) })
	return x, ok
}

func (x *expandedCall) expand(m *ModuleInstance, c *module.Call) bool {
	called, ok := m.calledModule(c)
	if !ok {
		return false
	}
	x.called = called
	m.validateArguments(c, called)
	x.each, ok = m.Eval.Repeat(c.Syntax.Body, m.Scope())
	if !ok {
		return false
	}
	for i, s := range x.each.Scopes {
		inner := m.Eval.instantiate(called, m.name("module."+c.Label)+x.each.suffix(i))
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
func (m *ModuleInstance) parentPath(attr *hclsyntax.Attribute, s *Scope) (resource.Path, bool) {
	text, ok := m.Eval.SettledText(attr.Expr, s, "the parent of a module")
	if !ok {
		return "", false
	}
	p, err := resource.ParsePath(string(m.FullPath(text)))
	switch {
	case err != nil:
		m.Eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Invalid parent", "%s.", message.Sentence(err.Error()))
	case p.Kind() == resource.KindContainer:
		m.Eval.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Invalid parent", "%s is the path of a container, which holds nothing. Write the path of the resource that the module fills.", p)
	default:
		return p, true
	}
	return "", false
}

// calledModule reads the module that c calls.
func (m *ModuleInstance) calledModule(c *module.Call) (*module.Module, bool) {
	attr := c.Syntax.Body.Attributes["source"]
	if attr == nil {
		m.Eval.diags.Errorf(source.RangeOf(c.Syntax.DefRange()), "", "Missing argument", "The module %s has no source: write the path of its folder, such as source = \"./modules/%s\".", c.Label, c.Label)
		return nil, false
	}
	written, ok := m.Eval.SettledText(attr.Expr, m.Scope(), "the source of a module")
	if !ok {
		return nil, false
	}
	at := source.RangeOf(attr.Expr.Range())
	dir, err := module.Directory(m.Module.Dir, written)
	if err != nil {
		m.Eval.diags.Errorf(at, "", "Unsupported source", "%s.", message.Sentence(err.Error()))
		return nil, false
	}
	for above := m; above != nil; above = above.caller() {
		// A link leads back in as many ways as one likes.
		if source.Identity(above.Module.Dir) == source.Identity(dir) || m.depth >= maxModuleDepth {
			m.Eval.diags.Errorf(at, "", "Cycle", "The module in %s calls itself: %s. Remove one of these calls.", written, m.chain(dir))
			return nil, false
		}
	}
	return m.Eval.readModule(dir, at)
}

func (m *ModuleInstance) caller() *ModuleInstance {
	if m.outside == nil {
		return nil
	}
	return m.outside.in
}

// chain names the folders that led to the call of the module in dir.
func (m *ModuleInstance) chain(dir string) string {
	names := []string{m.Eval.shown(dir)}
	for above := m; above != nil; above = above.caller() {
		names = append(names, m.Eval.shown(above.Module.Dir))
	}
	slices.Reverse(names)
	return strings.Join(names, " → ")
}

// shown returns dir as seen from the configuration.
func (e *Evaluator) shown(dir string) string {
	if rel, err := filepath.Rel(e.rootDir, dir); err == nil {
		return rel
	}
	return dir
}

// readModule reads the files of a module, once.
func (e *Evaluator) readModule(dir string, at resource.Range) (*module.Module, bool) {
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

// validateArguments refuses arguments of a call that are no inputs of the module.
func (m *ModuleInstance) validateArguments(c *module.Call, called *module.Module) {
	for _, b := range c.Syntax.Body.Blocks {
		m.Eval.diags.Errorf(source.RangeOf(b.DefRange()), "", "Unsupported block", "A module takes arguments only, one for each of its variables.")
	}
	for _, attr := range source.SortedAttributes(c.Syntax.Body) {
		switch attr.Name {
		case "source", "parent", "for_each", "count", "depends_on":
			continue
		case "version", "providers":
			m.Eval.diags.Errorf(source.RangeOf(attr.NameRange), "", "Unsupported argument", "A module of kuke has no %s: it is a folder. Remove the argument.", attr.Name)
			continue
		}
		if called.Variables[attr.Name] == nil {
			m.Eval.diags.Errorf(source.RangeOf(attr.NameRange), "", "Unsupported argument", "The module %s has no variable %q.%s", c.Label, message.Shorten(attr.Name), message.Suggest(attr.Name, slices.Sorted(maps.Keys(called.Variables))))
		}
	}
}
