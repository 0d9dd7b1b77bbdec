package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"sigs.k8s.io/yaml"
)

// Set holds the policies of some directories.
type Set struct {
	compiler *ast.Compiler
	data     map[string]any
	rules    []rule
	// names are the names of the files of policies in messages: a plan records them, wherever the files are.
	names map[string]string
	// reads are the reads of the files, by those names.
	reads  map[string]reads
	digest string
}

// rule is a rule whose values are findings.
type rule struct {
	pkg, name string
	deny      bool
}

// forbidden are the functions of Rego that use the network or the environment: their answer would not be part of the digest.
var forbidden = []string{"http.send", "net.lookup_ip_addr", "opa.runtime"}

// Load reads the policies at the paths, which are files or directories: the files *.rego but *_test.rego and, as the data of
// the policies, data.json and data.yaml. Policies without any rule that could deny or warn are an error: they would let every
// plan pass.
func Load(paths []string) (*Set, error) {
	files, err := find(paths)
	if err != nil {
		return nil, err
	}
	s := &Set{data: map[string]any{}, names: map[string]string{}}
	sum := sha256.New()
	modules := map[string]*ast.Module{}
	for _, f := range files {
		content, err := os.ReadFile(f.file)
		if err != nil {
			return nil, fmt.Errorf("read a policy: %w", err)
		}
		fmt.Fprintf(sum, "%s\x00%d\x00", f.name, len(content))
		sum.Write(content)
		if strings.HasSuffix(f.file, ".rego") {
			s.names[f.file] = f.name
			modules[f.file], err = parse(f.file, string(content))
		} else {
			err = s.addData(f, content)
		}
		if err != nil {
			return nil, err
		}
	}
	s.digest = fmt.Sprintf("sha256:%x", sum.Sum(nil))
	if err := s.compile(modules); err != nil {
		return nil, err
	}
	s.reads = s.readsOf(s.compiler.Modules)
	if s.rules = rulesOf(modules); len(s.rules) == 0 {
		return nil, fmt.Errorf("no policy of %s has a rule deny, violation or warn: every plan would pass. Name the directory of the policies", strings.Join(paths, ", "))
	}
	return s, nil
}

func (s *Set) compile(modules map[string]*ast.Module) error {
	capabilities := ast.CapabilitiesForThisVersion()
	capabilities.Builtins = slices.DeleteFunc(capabilities.Builtins, func(b *ast.Builtin) bool { return slices.Contains(forbidden, b.Name) })
	s.compiler = ast.NewCompiler().WithCapabilities(capabilities)
	if s.compiler.Compile(modules); !s.compiler.Failed() {
		return nil
	}
	err := fmt.Errorf("compile the policies: %w", s.compiler.Errors)
	for _, name := range forbidden {
		if strings.Contains(err.Error(), name) {
			return fmt.Errorf("%w. Policies can't use the functions %s: their answer is not part of the plan", err, strings.Join(forbidden, ", "))
		}
	}
	return err
}

// Digest is the digest of all files of the policies, by which plans record the policies that they passed.
func (s *Set) Digest() string { return s.digest }

// found is a file of policies; name is relative to the path that was given, with slashes.
type found struct{ file, name string }

func find(paths []string) ([]found, error) {
	var files []found
	for _, root := range paths {
		before := len(files)
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && file != root && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			case d.IsDir() || !isPolicy(d.Name()):
				return nil
			}
			name, err := filepath.Rel(root, file)
			files = append(files, found{file, filepath.ToSlash(name)})
			return err
		})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("there is no policy %s. Name a directory with *.rego files", root)
		case err != nil:
			return nil, fmt.Errorf("find policies: %w", err)
		case len(files) == before:
			return nil, fmt.Errorf("%s holds no policy. Name a directory with *.rego files", root)
		}
	}
	slices.SortStableFunc(files, func(a, b found) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

func isPolicy(name string) bool {
	switch name {
	case "data.json", "data.yaml", "data.yml":
		return true
	}
	return strings.HasSuffix(name, ".rego") && !strings.HasSuffix(name, "_test.rego")
}

// parse reads a policy in the present version of Rego or, as most policies for Terraform are, in the former one. Of two
// errors it returns the one further down: that parser has understood more.
func parse(file, text string) (*ast.Module, error) {
	module, err := ast.ParseModuleWithOpts(file, text, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err == nil {
		return module, nil
	}
	module, former := ast.ParseModuleWithOpts(file, text, ast.ParserOptions{RegoVersion: ast.RegoV0})
	if former == nil {
		return module, nil
	}
	if lineOf(former) > lineOf(err) {
		err = former
	}
	return nil, fmt.Errorf("read a policy: %w", err)
}

func lineOf(err error) int {
	var all ast.Errors
	if !errors.As(err, &all) || len(all) == 0 || all[0].Location == nil {
		return 0
	}
	return all[0].Location.Row
}

// addData adds a file of data, below the names of its directories, as in a bundle of OPA.
func (s *Set) addData(f found, content []byte) error {
	value := map[string]any{}
	text, err := yaml.YAMLToJSON(content)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		err = decoder.Decode(&value)
	}
	if err != nil {
		return fmt.Errorf("read the data of policies: %s: %w", f.file, err)
	}
	at := s.data
	if dir := path.Dir(f.name); dir != "." {
		for _, name := range strings.Split(dir, "/") {
			below, ok := at[name].(map[string]any)
			if !ok {
				below = map[string]any{}
				at[name] = below
			}
			at = below
		}
	}
	for name, v := range value {
		if _, taken := at[name]; taken {
			return fmt.Errorf("read the data of policies: %s: another file has the value %q too", f.file, name)
		}
		at[name] = v
	}
	return nil
}

// rulesOf returns the rules that deny or warn, each once, in the order of packages and names.
func rulesOf(modules map[string]*ast.Module) []rule {
	var rules []rule
	for _, m := range modules {
		pkg := strings.TrimPrefix(m.Package.Path.String(), "data.")
		for _, r := range m.Rules {
			name := r.Head.Ref()[0].Value.String()
			name = strings.Trim(name, `"`)
			kind, _, _ := strings.Cut(name, "_")
			if len(r.Head.Args) == 0 && (kind == "deny" || kind == "violation" || kind == "warn") {
				rules = append(rules, rule{pkg, name, kind != "warn"})
			}
		}
	}
	slices.SortFunc(rules, func(a, b rule) int {
		return strings.Compare(a.pkg+"\x00"+a.name, b.pkg+"\x00"+b.name)
	})
	return slices.Compact(rules)
}
