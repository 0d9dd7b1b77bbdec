package config

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/json"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// autoSuffixes end the names of files of assignments that are read by themselves.
var autoSuffixes = []string{".auto.kukevars", ".auto.kukevars.json"}

// defaultFiles are those that come before them.
var defaultFiles = []string{"kuke.kukevars", "kuke.kukevars.json"}

// envPrefix begins the names of environment variables that set variables.
const envPrefix = "KUKE_VAR_"

// assigned is a value for a variable of the root module, and where it comes from.
type assigned struct {
	// text is to be read by the type of the variable, where value is cty.NilVal.
	text  string
	value cty.Value
	// at is the place in a file of assignments; from says in words where the value comes from.
	at   resource.Range
	from string
	// unusable says that there is something, but nothing that can be read, which has been reported.
	unusable bool
}

// inputs collects what is assigned: later ones win.
type inputs struct {
	sources *source.Files
	root    *module.Module
	diags   *resource.Diagnostics
	values  map[string]assigned
	// broken says that a file can't be read, so that values are missing which may be there.
	broken bool
}

// collect reads what is assigned in the order of Terraform: the environment, the files that are read by themselves, and
// what the command line says. dirs are those that may hold such files.
func (s *inputs) collect(in Input, dirs []string) {
	for _, pair := range in.Environ {
		if name, text, ok := strings.Cut(strings.TrimPrefix(pair, envPrefix), "="); ok && strings.HasPrefix(pair, envPrefix) {
			if s.root.Variables[name] != nil {
				s.values[name] = assigned{text: text, from: "the environment variable " + envPrefix + name}
			}
		}
	}
	for _, dir := range dirs {
		for _, name := range autoFiles(source.Shown(dir)) {
			s.file(name, source.OpenWithin(functions.Files{Outside: in.OutsideFiles}, dir, name), false)
		}
	}
	for _, a := range in.Assignments {
		if a.File != "" {
			s.file(a.File, source.OpenFile(a.File), true)
			continue
		}
		if s.root.Variables[a.Name] == nil {
			s.diags.Errorf(resource.Range{}, "", "Undeclared variable", "--var sets %q, but no variable of that name is declared.%s", message.Shorten(a.Name), s.declare(a.Name))
			continue
		}
		s.values[a.Name] = assigned{text: a.Text, from: "--var"}
	}
	for name := range s.root.Variables {
		if _, ok := s.values[name]; !ok && s.broken {
			s.values[name] = assigned{unusable: true}
		}
	}
}

// declare says how to mend that there is no variable called name.
func (s *inputs) declare(name string) string {
	if hint := message.Suggest(name, slices.Sorted(maps.Keys(s.root.Variables))); hint != "" {
		return hint
	}
	return fmt.Sprintf(" Declare it: variable %q {}.", message.Shorten(name))
}

// autoFiles returns the files of dir that assign by themselves, in the order they are read.
func autoFiles(dir string) []string {
	var files []string
	for _, name := range defaultFiles {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && !info.IsDir() {
			files = append(files, filepath.Join(dir, name))
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return files
	}
	for _, e := range entries {
		auto := slices.ContainsFunc(autoSuffixes, func(suffix string) bool { return strings.HasSuffix(e.Name(), suffix) })
		if auto && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files
}

// file reads a file of assignments. named says that the user named it.
func (s *inputs) file(name string, open func() (io.ReadCloser, error), named bool) {
	data, err := source.ReadAll(open)
	if err != nil {
		source.Unreadable(name, err, s.diags)
		s.broken = true
		if named && errors.Is(err, fs.ErrNotExist) {
			(*s.diags)[len(*s.diags)-1].Detail = fmt.Sprintf("%s can't be read: there is no such file. Check the path that --var-file names.", name)
		}
		return
	}
	data, ok := source.Normalize(source.File{Name: name, Data: data}, s.diags)
	s.sources.Add(name, data)
	if !ok {
		s.broken = true
		return
	}
	read := s.assignments
	if strings.HasSuffix(name, ".json") {
		read = s.jsonAssignments
	}
	before := len(*s.diags)
	found := read(name, data)
	if len(*s.diags) > before {
		s.broken = true
		if s.holdsSecrets(data) {
			s.sources.Hide(name)
		}
	}
	s.set(found, name)
}

// set notes what a file assigns.
func (s *inputs) set(found []assignment, from string) {
	for _, a := range found {
		variable := strings.TrimSpace(a.name)
		if s.root.Variables[variable] == nil {
			// As in Terraform: a file may serve several configurations.
			s.diags.Warnf(a.at, "", "Undeclared variable", "No variable called %q is declared, so that this value has no effect.%s", message.Shorten(variable), s.declare(variable))
			continue
		}
		s.values[variable] = assigned{value: a.value, at: a.at, from: from}
	}
}

// holdsSecrets reports whether data may assign something to a sensitive variable.
func (s *inputs) holdsSecrets(data []byte) bool {
	for name, v := range s.root.Variables {
		if v.Sensitive && bytes.Contains(data, []byte(name)) {
			return true
		}
	}
	return false
}

type assignment struct {
	name  string
	value cty.Value
	at    resource.Range
}

func (s *inputs) assignments(name string, data []byte) []assignment {
	body, ok := source.ParseHCL(name, data, s.diags)
	if !ok {
		return nil
	}
	for _, b := range body.Blocks {
		s.diags.Errorf(source.RangeOf(b.DefRange()), "", "Unsupported block", "A file of values holds no blocks, only arguments: name = value. To declare a variable, write its block in a file that ends in .hcl.")
	}
	var found []assignment
	for _, attr := range source.SortedAttributes(body) {
		val, problems := functions.Literal(attr.Expr)
		source.Report(problems, s.diags)
		if !problems.HasErrors() {
			found = append(found, assignment{attr.Name, val, source.RangeOf(attr.Expr.Range())})
		}
	}
	return found
}

// jsonAssignments reads JSON, which is HCL's in another spelling: the values are taken as they are.
func (s *inputs) jsonAssignments(name string, data []byte) []assignment {
	whole := resource.Range{File: name}
	var syntax *stdjson.SyntaxError
	if err := stdjson.Unmarshal(data, new(stdjson.RawMessage)); errors.As(err, &syntax) {
		at := int(syntax.Offset)
		s.diags.Errorf(source.Between(name, data, at-1, at), "", "Invalid JSON", "%s.", message.Sentence(err.Error()))
		return nil
	}
	before := len(*s.diags)
	var found []assignment
	// As YAML, for the bounds of that and for the places.
	source.Documents(name, data, s.diags, func(v *source.Value) {
		if v.Shape != source.Object {
			s.diags.Errorf(whole, "", "Wrong type", "A file of values is an object of names and values, but this is %s.", v.Describe())
			return
		}
		if len(*s.diags) > before {
			return
		}
		ty, err := json.ImpliedType(bytes.TrimSpace(data))
		if err != nil {
			s.diags.Errorf(whole, "", "Invalid JSON", "%s.", message.Sentence(err.Error()))
			return
		}
		val, err := json.Unmarshal(bytes.TrimSpace(data), ty)
		if err != nil {
			s.diags.Errorf(whole, "", "Invalid JSON", "%s.", message.Sentence(err.Error()))
			return
		}
		for _, f := range v.Fields {
			if ty.HasAttribute(f.Name) {
				found = append(found, assignment{f.Name, val.GetAttr(f.Name), f.Value.Range})
			}
		}
	})
	if len(*s.diags) > before {
		return nil
	}
	return found
}

// parse returns what a text that was assigned says for v: text for a variable that takes one, an expression otherwise.
func (a assigned) parse(v *module.Variable) (cty.Value, error) {
	if a.value != cty.NilVal {
		return a.value, nil
	}
	if v.Type.IsPrimitiveType() || !v.Typed {
		return cty.StringVal(a.text), nil
	}
	var refused resource.Diagnostics
	if !source.Bounded("", []byte(a.text), &refused) {
		return cty.NilVal, errors.New(refused[0].Detail)
	}
	expr, problems := hclsyntax.ParseExpression([]byte(a.text), "", hcl.InitialPos)
	if !problems.HasErrors() {
		var val cty.Value
		if val, problems = functions.Literal(expr); !problems.HasErrors() {
			return val, nil
		}
	}
	return cty.NilVal, fmt.Errorf("it must be an expression of the type %s, such as [\"a\", \"b\"] or {a = 1}: %s", typeexpr.TypeString(v.Type), strings.TrimSuffix(problems[0].Detail, "."))
}
