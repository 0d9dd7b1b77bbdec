package lang

import (
	"strings"

	"github.com/kukeon/kuke/config/internal/assemble"
	"github.com/kukeon/kuke/config/internal/lang/eval"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/lang/refactoring"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// LoadFiles evaluates the configuration in the files found. diags are those of the reading.
func LoadFiles(in Input, found []source.File, diags resource.Diagnostics) (*Configuration, resource.Diagnostics) {
	files := source.NewFiles()
	c := &Configuration{Sources: files.Texts}
	if len(found) == 0 {
		return c, diags
	}
	dirs := source.Directories(append(in.Paths, ".")[:max(1, len(in.Paths))])
	root := module.New(dirs[0])
	before := len(diags)
	root.Read(found, files, &diags)
	c.Project = projectOf(root)
	if len(diags) == before && root.Empty() {
		diags.Errorf(resource.Range{File: files.Names[0]}, "", "Empty configuration", "The files found (%s) declare no resource: write one, such as realm \"main\" {}. To destroy everything, use kuke destroy.", strings.Join(files.Names, ", "))
	}
	if root.Broken {
		return c, files.Sort(diags) // other errors may only follow from that
	}
	assigned := variable.Collect(root, variable.Given{Environ: in.Environ, Dirs: dirs, Outside: in.OutsideFiles, Assignments: in.Assignments}, files, &diags)
	c.evaluator = eval.New(eval.Options{Ask: in.Ask, Unassigned: in.Unassigned, Computed: in.Computed, OutsideFiles: in.OutsideFiles, Home: in.Home, KeepFiles: in.KeepFiles, Places: schema.Places{Elsewhere: in.Elsewhere}, Variable: in.variable, Opened: in.Opened}, files, &diags)
	c.sources = files
	source.Guard(files.Names[0], &diags, func() { c.evaluate(root, assigned, &diags) })
	diags = files.Sort(diags)
	c.Pending = c.evaluator.Pending
	if c.Tree != nil {
		c.Tree.Withheld = c.evaluator.Withheld()
	}
	if diags.HasErrors() {
		c.Tree = nil
	}
	return c, diags
}

// evaluate fills the configuration from its root module.
func (c *Configuration) evaluate(root *module.Module, assigned map[string]variable.Value, diags *resource.Diagnostics) {
	modules, declared := c.evaluator.Declare(root, assigned)
	if c.evaluator.Partial() {
		c.Tree = assemble.Part(declared, diags) // a missing resource may only be unknown
		c.Outputs = c.evaluator.Outputs()
		return
	}
	c.Tree = assemble.Tree(declared, diags)
	c.evaluator.CheckConditions(modules)
	var found refactoring.Blocks
	for _, m := range modules {
		found.Read(m, diags)
	}
	found.Validate(c.Tree, diags)
	c.Moved, c.Removed, c.Imports = found.Moved, found.Removed, found.Imports
	c.Outputs = c.evaluator.Outputs()
	if !diags.HasErrors() {
		c.Outline = c.evaluator.Outline(modules)
	}
}
