package lang

import (
	"bytes"
	"io"

	"github.com/kukeon/kuke/config/internal/lang/eval"
	"github.com/kukeon/kuke/config/internal/lang/refactoring"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Assignment is the value of a variable, or the file with values, that one --var or --var-file gives.
type Assignment = variable.Assignment

// Input is what a configuration is made of.
type Input struct {
	// Paths are files, directories, of which *.hcl, *.yaml and *.yml are read but no subdirectories, or "-" for Stdin; no
	// path at all means the current directory.
	Paths []string
	// Stdin returns what standard input holds; nil stands for nothing.
	Stdin func() io.Reader
	// Assignments are what --var and --var-file say, in their order.
	Assignments []Assignment
	// Environ holds the environment as os.Environ does: KUKE_VAR_x sets the variable x.
	Environ []string
	// Ask asks the user for the value of a variable that must have one; nil says that there is nobody to ask.
	Ask func(name, description string, sensitive bool) (string, error)
	// Computed holds what planning has worked out, by the path of a resource and the name of the attribute. Nil says
	// that nothing has been planned yet: references to such attributes are then unknown.
	Computed map[resource.Path]map[string]string
	// OutsideFiles lets functions read files outside of the directory of the configuration.
	OutsideFiles bool
}

// Text returns the input of a configuration that is nothing but text.
func Text(text []byte) Input {
	return Input{Paths: []string{"-"}, Stdin: func() io.Reader { return bytes.NewReader(text) }}
}

// Configuration is what Load has read.
type Configuration struct {
	// Project is the one that the configuration belongs to.
	Project Project
	// Tree holds the resources. It is nil where there are errors.
	Tree *resource.Tree
	// Outputs are the values that the root module gives out, in the order of their names.
	Outputs []eval.Output
	// Moved, Removed and Imports are what the blocks of that name say, in the order of the source.
	Moved   []refactoring.Move
	Removed []refactoring.Removal
	Imports []refactoring.Import
	// Pending says that values are missing which only planning works out: with Input.Computed they are there.
	Pending bool
	// Sources holds what was read by file name, for showing the lines a diagnostic is about, without a byte order mark and
	// with LF for CRLF, as ranges count.
	Sources map[string][]byte

	evaluator *eval.Evaluator
	sources   *source.Files
}
