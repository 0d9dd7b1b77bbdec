package config

import (
	"github.com/kukeon/kuke/config/internal/lang"
	"github.com/kukeon/kuke/config/internal/sandbox"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Load reads the files of a configuration, evaluates them, and returns the one tree that they describe together. A file's
// language follows from its name, else from its content. The configuration is never nil. The diagnostics, warnings too, are in
// the order of the files and of the places in them.
func Load(in Input) (*Configuration, resource.Diagnostics) {
	var diags resource.Diagnostics
	if len(in.Paths) == 0 {
		in.Paths = []string{"."}
	}
	found := source.Discover(in.Paths, in.Stdin, sandbox.Files{Outside: in.OutsideFiles}, &diags)
	return lang.LoadFiles(in, found, diags)
}
