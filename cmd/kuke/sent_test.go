package main

import (
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Each flag that names a file or a directory of the caller is annotated, so that --host sends the file or brings it back.
func TestFileFlagsAreAnnotated(t *testing.T) {
	// The configuration is sent as a whole; a working directory is one of a container, a path of a volume one of its host.
	others := []string{"file", "var-file", "workdir", "path"}
	checked := 0
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, below := range cmd.Commands() {
			if cmd.HasParent() || !slices.Contains(onlyHere, below.Name()) {
				visit(below)
			}
		}
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			noun, _ := pflag.UnquoteUsage(f)
			if noun != "file" && noun != "directory" || slices.Contains(others, f.Name) {
				return
			}
			checked++
			_, read := f.Annotations[readFile]
			_, written := f.Annotations[writtenFile]
			if read == written {
				t.Errorf("%s --%s names a %s: call annotateFile(cmd, %[2]q, readFile) or writtenFile", cmd.CommandPath(), f.Name, noun)
			}
		})
	}
	visit(newRoot(&app{}))
	if checked == 0 {
		t.Error("no flag was checked")
	}
}
