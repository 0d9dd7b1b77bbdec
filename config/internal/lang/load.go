package lang

import (
	"maps"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/assemble"
	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// work works out everything that the root module says.
func (e *evaluator) work(c *Configuration) {
	e.all, e.declared = nil, nil
	instances := []*moduleInstance{e.root}
	for i := 0; i < len(instances); i++ {
		m := instances[i]
		m.declareModule()
		for _, call := range m.module.CallOrder {
			if x, ok := m.expandCall(call, source.RangeOf(call.Syntax.DefRange())); ok {
				instances = append(instances, x.instances...)
			}
		}
	}
	c.Tree = assemble.Tree(e.declared, e.diags)
	clear(e.objects) // which container is a cell's root is known only now
	e.pending = e.pending || slices.ContainsFunc(e.declared, func(d *schema.Declaration) bool { return d.Incomplete })
	for _, n := range e.all {
		e.postconditions(n)
	}
	for _, m := range instances {
		m.checks()
		m.stateBlocks(c)
	}
	c.validateStateBlocks(e.diags)
	for _, name := range slices.Sorted(maps.Keys(e.root.module.Outputs)) {
		o := e.root.module.Outputs[name]
		if val, ok := e.root.result(name, o.Declared); ok {
			e.pending = e.pending || !val.IsWhollyKnown()
			c.Outputs = append(c.Outputs, Output{Name: name, Description: o.Description, Value: val, Sensitive: o.Sensitive || functions.IsSensitive(val), Declared: o.Declared})
		}
	}
}

// declareModule works out the variables, local values and resources of a module, used or not: what is wrong shows.
func (m *moduleInstance) declareModule() {
	for _, name := range slices.Sorted(maps.Keys(m.module.Variables)) {
		m.variable(name, m.module.Variables[name].Declared)
	}
	for _, name := range slices.Sorted(maps.Keys(m.module.Locals)) {
		m.local(name, source.RangeOf(m.module.Locals[name].NameRange))
	}
	for _, b := range m.module.Blocks {
		m.declareAll(b)
	}
	m.eval.declared = append(m.eval.declared, m.module.Manifests...)
	for _, name := range slices.Sorted(maps.Keys(m.module.Outputs)) {
		m.result(name, m.module.Outputs[name].Declared)
	}
}

// LoadFiles works out what the files that were found say. diags are those of the reading.
func LoadFiles(in Input, found []source.File, diags resource.Diagnostics) (*Configuration, resource.Diagnostics) {
	e := newEvaluator(in, &diags)
	c := &Configuration{Sources: e.sources.Texts}
	if len(found) == 0 {
		return c, diags
	}
	dirs := source.Directories(append(in.Paths, ".")[:max(1, len(in.Paths))])
	e.rootDir = dirs[0]
	root := module.New(e.rootDir)
	before := len(diags)
	root.Read(found, e.sources, &diags)
	c.Project = projectOf(root)
	if len(diags) == before && root.Empty() {
		diags.Errorf(resource.Range{File: e.sources.Names[0]}, "", "Empty configuration", "The files found (%s) declare no resource: write one, such as realm \"main\" {}. To take everything away, use kuke destroy.", strings.Join(e.sources.Names, ", "))
	}
	if root.Broken {
		diags = e.sources.Sort(diags)
		return c, diags // what else there would be to say may only follow from that
	}
	e.root = e.instantiate(root, "")
	e.root.assigned = variable.Collect(root, variable.Given{Environ: in.Environ, Dirs: dirs, Outside: in.OutsideFiles, Assignments: in.Assignments}, e.sources, &diags)
	source.Guard(e.sources.Names[0], &diags, func() { e.work(c) })
	diags = e.sources.Sort(diags)
	c.evaluator = e
	c.Pending = e.pending
	if diags.HasErrors() {
		c.Tree = nil
	}
	return c, diags
}
