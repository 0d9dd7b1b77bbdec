package lang

import (
	"bytes"
	"io"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/lang/eval"
	"github.com/kukeon/kuke/config/internal/lang/refactoring"
	"github.com/kukeon/kuke/config/internal/lang/variable"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
)

// Input is the input of Load.
type Input struct {
	// Paths are files, directories, of which *.hcl, *.yaml and *.yml are read but no subdirectories, or "-" for Stdin; no
	// path at all means the current directory.
	Paths []string
	// Stdin returns the content of standard input; nil means no content.
	Stdin func() io.Reader
	// Assignments are the values of --var and --var-file, in their order.
	Assignments []variable.Assignment
	// Environ holds the environment as os.Environ does: KUKE_VAR_x sets the variable x.
	Environ []string
	// Ask asks the user for the value of a variable that must have one; nil says that there is nobody to ask.
	Ask func(name, description string, sensitive bool) (string, error)
	// Unassigned checks a configuration without the values of its variables, or a module without its caller: variables that have
	// neither a value nor a default are unknown, and so is all that depends on them. Nobody is asked.
	Unassigned bool
	// Computed holds the attributes that planning computed, by the path of a resource and the name of the attribute. Nil says
	// that nothing has been planned yet: references to these attributes are then unknown.
	Computed map[resource.Path]map[string]string
	// OutsideFiles lets functions read files outside of the directory of the configuration.
	OutsideFiles bool
	// Elsewhere says that the files are on another machine than the host, where relative sources of mounts mean nothing.
	Elsewhere bool
	// Home is the directory that a leading ~ names; empty for the home directory of the user.
	Home string
	// KeepFiles leaves the files and variables that resources name, such as those of env_file, unread: the tree holds the names.
	KeepFiles bool
	// Variables are the environment variables that resources name; nil for those in Environ. Looked is told of each; it may be nil.
	Variables map[string]string
	Looked    func(name string)
	// Opened is told of the absolute path of each file that functions and modules look at, maybe again: [Configuration.Sources]
	// holds the other files. It may be nil.
	Opened func(path string)
}

// variable returns an environment variable that a resource names.
func (in Input) variable(name string) (value string, set bool) {
	if in.Looked != nil {
		in.Looked(name)
	}
	if in.Variables != nil {
		value, set = in.Variables[name]
		return value, set
	}
	for _, pair := range slices.Backward(in.Environ) {
		if value, set = strings.CutPrefix(pair, name+"="); set {
			return value, true
		}
	}
	return "", false
}

// Text returns the input of a configuration that is nothing but text.
func Text(text []byte) Input {
	return Input{Paths: []string{"-"}, Stdin: func() io.Reader { return bytes.NewReader(text) }}
}

// Configuration is a configuration that was read and evaluated.
type Configuration struct {
	// Project is the project that the configuration belongs to.
	Project Project
	// Tree holds the resources. It is nil where there are errors.
	Tree *resource.Tree
	// Outputs are the output values of the root module, in the order of their names.
	Outputs []eval.Output
	// Moved, Removed and Imports come from the blocks moved, removed and import, in the order of the source.
	Moved   []refactoring.Move
	Removed []refactoring.Removal
	Imports []refactoring.Import
	// Outline is the configuration as it is written; nil where there are errors.
	Outline *outline.Outline
	// Pending says that values are unknown until planning computes them: with Input.Computed they are known.
	Pending bool
	// Sources holds the files read, by name, to show the lines that a diagnostic is about. They have no byte order mark, and
	// LF for CRLF, as ranges count.
	Sources map[string][]byte

	evaluator *eval.Evaluator
	sources   *source.Files
}
