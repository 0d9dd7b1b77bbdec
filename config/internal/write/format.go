package write

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/sandbox"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Formatted is a source file and its canonical form.
type Formatted struct {
	// Name is the file's name as it was reached, or "<stdin>".
	Name string
	// Before is the text that was read.
	Before []byte
	// After is its canonical form.
	After []byte
}

// Changed reports whether the file wasn't in canonical form.
func (f *Formatted) Changed() bool { return !bytes.Equal(f.Before, f.After) }

// formattable are the files of a directory that Format looks at.
var formattable = []string{".hcl", ".kukevars"}

// Format returns the canonical form, that of terraform fmt, of the HCL files at the paths: files, directories, of which it
// takes *.hcl and *.kukevars but nothing hidden, and, where recursive, the directories below them, or "-" for stdin. It
// writes nothing. A file that can't be read or parsed is left out and reported; sources holds the lines that diagnostics are
// about.
func Format(paths []string, recursive bool, stdin io.Reader) (files []*Formatted, sources map[string][]byte, diags resource.Diagnostics) {
	sources = map[string][]byte{}
	for _, s := range formatSources(paths, recursive, stdin, &diags) {
		data, ok := source.Normalize(s, &diags)
		sources[s.Name] = data
		if !ok {
			continue
		}
		if after, ok := FormatHCL(s.Name, data, &diags); ok {
			files = append(files, &Formatted{Name: s.Name, Before: s.Data, After: after})
		}
	}
	return files, sources, diags
}

// FormatHCL returns the canonical form of HCL in normal encoding, which means the same.
func FormatHCL(name string, data []byte, diags *resource.Diagnostics) (after []byte, ok bool) {
	defer func() {
		// As in read: the parser and the formatter are other people's.
		if p := recover(); p != nil {
			diags.Errorf(resource.Range{File: name}, "", message.Bug, "Formatting this file failed unexpectedly: %v. Please report it, with the file.", p)
			after, ok = nil, false
		}
	}()
	if !source.Bounded(name, data, diags) {
		return nil, false
	}
	file, problems := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	source.Report(problems, diags)
	if problems.HasErrors() {
		return nil, false
	}
	if body, ok := file.Body.(*hclsyntax.Body); ok {
		better := idiomatic(data, body)
		if _, problems := hclsyntax.ParseConfig(better, name, hcl.InitialPos); !problems.HasErrors() {
			data = better
		}
	}
	// After a carriage return alone, a line feed would be part of the same end of line.
	if last := len(data) - 1; last >= 0 && data[last] != '\n' && data[last] != '\r' {
		data = append(slices.Clone(data), '\n')
	}
	// The alignment can depend on spaces that were themselves just changed, so that once is not always enough.
	stable := false
	after = data
	for range 5 {
		again := hclwrite.Format(after)
		if stable = bytes.Equal(again, after); stable {
			break
		}
		after = again
	}
	if at, same := sameTokens(name, data, after); !same || !stable {
		diags.Errorf(at, "", "Not formatted", "The formatter would change the meaning of this, so that the file is left as it is. Write it in another way, for example with parentheses.")
		return nil, false
	}
	return after, true
}

// sameTokens reports whether two sources differ only in the space between their tokens, and if not, where they do.
func sameTokens(name string, a, b []byte) (resource.Range, bool) {
	before, _ := hclsyntax.LexConfig(a, name, hcl.InitialPos)
	after, _ := hclsyntax.LexConfig(b, name, hcl.InitialPos)
	for i, t := range before {
		if i >= len(after) || t.Type != after[i].Type || !bytes.Equal(t.Bytes, after[i].Bytes) {
			return source.RangeOf(t.Range), false
		}
	}
	return resource.Range{File: name}, len(before) == len(after)
}

// formatSources reads the files to format, each once.
func formatSources(paths []string, recursive bool, stdin io.Reader, diags *resource.Diagnostics) []source.File {
	var names []string
	for _, p := range paths {
		if p == "-" {
			names = append(names, source.StdinName)
			continue
		}
		info, err := os.Stat(p)
		switch {
		case err != nil:
			source.Unreadable(p, err, diags)
		case info.IsDir():
			names = append(names, formattableIn(p, recursive, diags)...)
		case !info.Mode().IsRegular():
			source.Unreadable(p, errors.New("it is not a regular file"), diags)
		case !canFormat(p):
			diags.Errorf(resource.Range{File: p}, "", "Not HCL", "Only HCL is formatted, in files called *%s. This one is left as it is.", strings.Join(formattable, " or *"))
		default:
			names = append(names, filepath.Clean(p))
		}
	}
	var sources []source.File
	seen := map[string]bool{}
	for _, name := range names {
		if seen[source.Identity(name)] {
			continue
		}
		seen[source.Identity(name)] = true
		data, err := readFormattable(name, stdin)
		if err != nil {
			source.Unreadable(name, err, diags)
			continue
		}
		sources = append(sources, source.File{Name: name, Data: data, Named: true})
	}
	return sources
}

func readFormattable(name string, stdin io.Reader) ([]byte, error) {
	if name == source.StdinName {
		return source.ReadFrom(stdin)
	}
	return source.ReadFile(name)
}

func canFormat(name string) bool { return slices.Contains(formattable, filepath.Ext(name)) }

// formattableIn returns the files of dir, and where recursive of the directories below it, in the order of their names.
func formattableIn(dir string, recursive bool, diags *resource.Diagnostics) []string {
	var names []string
	root := dir + string(filepath.Separator) // which follows a link
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			source.Unreadable(name, err, diags)
			return nil
		case name == root: // also where it is called "." or hidden itself: it was asked for
			return nil
		case strings.HasPrefix(d.Name(), ".") && d.IsDir(), d.IsDir() && !recursive:
			return fs.SkipDir
		case d.IsDir() || strings.HasPrefix(d.Name(), ".") || !canFormat(name):
			return nil
		}
		// A file elsewhere is formatted there, or by its name.
		if (sandbox.Files{Root: dir}).Check(absolute(name)) != nil {
			return nil
		}
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		source.Unreadable(dir, fmt.Errorf("look for files: %w", err), diags)
	}
	return names
}

// absolute returns name as it is where there is no current directory.
func absolute(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}
