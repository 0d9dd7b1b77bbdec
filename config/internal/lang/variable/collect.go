package variable

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/sandbox"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Given are the places that assign values.
type Given struct {
	// Environ holds the environment as os.Environ does.
	Environ []string
	// Dirs are the directories that may hold files of assignments which are read by themselves; Outside lets those be links
	// that lead out of them.
	Dirs    []string
	Outside bool
	// Assignments are those of the command line.
	Assignments []Assignment
}

// Collect returns the values that are assigned to the variables of the root module, and adds the files with them to
// files.
func Collect(root *module.Module, from Given, files *source.Files, diags *resource.Diagnostics) map[string]Value {
	s := &collector{sources: files, root: root, diags: diags, values: map[string]Value{}}
	s.collect(from)
	return s.values
}

// collector collects assignments: later ones win.
type collector struct {
	sources *source.Files
	root    *module.Module
	diags   *resource.Diagnostics
	values  map[string]Value
	// broken says that a file can't be read, so that values are missing which may be there.
	broken bool
}

// collect reads the assignments in the order of Terraform: the environment, the files that are read by themselves, and the
// command line.
func (s *collector) collect(from Given) {
	for _, pair := range from.Environ {
		if name, text, ok := strings.Cut(strings.TrimPrefix(pair, EnvPrefix), "="); ok && strings.HasPrefix(pair, EnvPrefix) {
			if s.root.Variables[name] != nil {
				s.values[name] = Value{text: text, From: "the environment variable " + EnvPrefix + name}
			}
		}
	}
	for _, dir := range from.Dirs {
		for _, name := range autoFiles(source.Shown(dir)) {
			data, err := source.ReadWithin(sandbox.Files{Outside: from.Outside}, dir, name)
			s.file(name, data, err, false)
		}
	}
	for _, a := range from.Assignments {
		if a.File != "" {
			data, err := source.ReadFile(a.File)
			s.file(a.File, data, err, true)
			continue
		}
		if s.root.Variables[a.Name] == nil {
			s.diags.Errorf(resource.Range{}, "", "Undeclared variable", "--var sets %q, but no variable of that name is declared.%s", message.Shorten(a.Name), s.declare(a.Name))
			continue
		}
		s.values[a.Name] = Value{text: a.Text, From: "--var"}
	}
	for name := range s.root.Variables {
		if _, ok := s.values[name]; !ok && s.broken {
			s.values[name] = Value{Unusable: true}
		}
	}
}

// declare returns the remedy for a variable name that is not declared.
func (s *collector) declare(name string) string {
	if hint := message.Suggest(name, slices.Sorted(maps.Keys(s.root.Variables))); hint != "" {
		return hint
	}
	return fmt.Sprintf(" Declare it: variable %q {}.", message.Shorten(name))
}

// set notes the assignments of a file.
func (s *collector) set(found []assignment, from string) {
	for _, a := range found {
		variable := strings.TrimSpace(a.name)
		if s.root.Variables[variable] == nil {
			// As in Terraform: a file may serve several configurations.
			s.diags.Warnf(a.at, "", "Undeclared variable", "No variable called %q is declared, so that this value has no effect.%s", message.Shorten(variable), s.declare(variable))
			continue
		}
		s.values[variable] = Value{value: a.value, At: a.at, From: from}
	}
}

// holdsSecrets reports whether data may assign something to a sensitive variable.
func (s *collector) holdsSecrets(data []byte) bool {
	for name, v := range s.root.Variables {
		if v.Sensitive && bytes.Contains(data, []byte(name)) {
			return true
		}
	}
	return false
}
