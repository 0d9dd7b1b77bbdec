package config

import (
	"strings"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Load reads the files of a configuration, works out what they say, and returns the one tree that they describe together.
// A file's format follows from its name, else from its content. The configuration is never nil. The diagnostics are all
// there is to say, warnings too, in the order of the files and of the places in them.
func Load(in Input) (*Configuration, resource.Diagnostics) {
	var diags resource.Diagnostics
	if len(in.Paths) == 0 {
		in.Paths = []string{"."}
	}
	found := source.Discover(in.Paths, in.Stdin, functions.Files{Outside: in.OutsideFiles}, &diags)
	return load(in, found, diags)
}

// load works out what the files that were found say. diags are those of the reading.
func load(in Input, found []source.File, diags resource.Diagnostics) (*Configuration, resource.Diagnostics) {
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
