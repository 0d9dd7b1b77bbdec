package variable

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/json"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// autoSuffixes end the names of files of assignments that are read by themselves.
var autoSuffixes = []string{".auto.kukevars", ".auto.kukevars.json"}

// defaultFiles are those that come before them.
var defaultFiles = []string{"kuke.kukevars", "kuke.kukevars.json"}

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

// file adds the assignments of a file that was read, with its data or an error. named says that the user named it.
func (s *collector) file(name string, data []byte, err error, named bool) {
	if err != nil {
		source.Unreadable(name, err, s.diags)
		s.broken = true
		if named && errors.Is(err, fs.ErrNotExist) {
			(*s.diags)[len(*s.diags)-1].Detail = fmt.Sprintf("%s can't be read: the file does not exist. Check the path that --var-file names.", name)
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

type assignment struct {
	name  string
	value cty.Value
	at    resource.Range
}

func (s *collector) assignments(name string, data []byte) []assignment {
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
func (s *collector) jsonAssignments(name string, data []byte) []assignment {
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
