package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/realm"
)

// maxFileSize bounds what is read from one file, in bytes.
const maxFileSize = 16 << 20

// patterns are the files of a directory that belong to a configuration.
var patterns = []string{"*.hcl", "*.yaml", "*.yml"}

// stdinName stands for standard input where a file name is shown.
const stdinName = "<stdin>"

// source is a file that was read.
type source struct {
	name string
	data []byte
	// named says that the user named the file itself, not just its directory.
	named bool
}

// Load reads paths and returns the one tree that they describe together. A path is a file, a directory, of which
// *.hcl, *.yaml and *.yml are read but no subdirectories, or "-" for stdin; no path at all means the current
// directory. A file's format follows from its name, else from its content.
//
// The map holds what was read by file name, for showing the lines a diagnostic is about, without a byte order
// mark and with LF for CRLF, as ranges count. The diagnostics are all there is to say, warnings too, in the order of
// the files and of the places in them; where one of them is an error, the tree is nil.
func Load(paths []string, stdin io.Reader) (*realm.Tree, map[string][]byte, realm.Diagnostics) {
	var diags realm.Diagnostics
	if len(paths) == 0 {
		paths = []string{"."}
	}
	found := discover(paths, stdin, &diags)
	if len(found) == 0 {
		return nil, map[string][]byte{}, diags
	}
	return load(found, diags)
}

// load turns what was read into a tree. diags are those of the reading.
func load(found []source, diags realm.Diagnostics) (*realm.Tree, map[string][]byte, realm.Diagnostics) {
	sources := map[string][]byte{}
	var order []string
	var decls []*declaration
	for _, s := range found {
		data, ok := normalize(s, &diags)
		sources[s.name] = data
		order = append(order, s.name)
		if !ok {
			continue
		}
		before := len(diags)
		declared := read(s.name, data, &diags)
		if len(declared) == 0 && s.named && len(diags) == before {
			diags.Errorf(realm.Range{File: s.name}, "", "Empty configuration", "The file declares no resource. Write one, such as realm \"main\" {}, or don't name the file; to take everything away, use kuke destroy.")
		}
		decls = append(decls, declared...)
	}
	if len(decls) == 0 && len(diags) == 0 {
		diags.Errorf(realm.Range{File: order[0]}, "", "Empty configuration", "The files found (%s) declare no resource: write one, such as realm \"main\" {}. To take everything away, use kuke destroy.", strings.Join(order, ", "))
	}
	tree := build(decls, &diags)
	slices.SortStableFunc(diags, func(a, b realm.Diagnostic) int {
		if a.Subject.File != b.Subject.File {
			return slices.Index(order, a.Subject.File) - slices.Index(order, b.Subject.File)
		}
		return a.Subject.Start.Byte - b.Subject.Start.Byte
	})
	if diags.HasErrors() {
		tree = nil
	}
	return tree, sources, diags
}

// read turns one source into declarations.
func read(name string, data []byte, diags *realm.Diagnostics) (decls []*declaration) {
	defer func() {
		// The parsers are other people's; whatever they make of strange input, the user gets a message.
		if p := recover(); p != nil {
			diags.Errorf(realm.Range{File: name}, "", bugSummary, "Reading this file failed unexpectedly: %v. Please report it, with the file.", p)
			decls = nil
		}
	}()
	if isYAML(name, data) {
		return readYAML(name, data, diags)
	}
	return readHCL(name, data, diags)
}

// bugSummary marks a diagnostic that should never be seen.
const bugSummary = "Bug in kuke"

// firstLine matches what an HCL file can't begin with, but a YAML or JSON mapping does.
var firstLine = regexp.MustCompile(`^(\{|["']?[A-Za-z0-9_-]+["']?\s*:(\s|$))`)

// isYAML tells the format by the name, else by the content.
func isYAML(name string, data []byte) bool {
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	case ".hcl":
		return false
	}
	return looksLikeYAML(data)
}

// looksLikeYAML judges by the first line that says something.
func looksLikeYAML(data []byte) bool {
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		return line[0] == '%' || bytes.HasPrefix(line, []byte("---")) || firstLine.Match(line)
	}
	return false
}

// normalize takes a byte order mark away, turns CRLF into LF and refuses what isn't UTF-8.
func normalize(s source, diags *realm.Diagnostics) (data []byte, ok bool) {
	data = bytes.TrimPrefix(s.data, []byte("\ufeff"))
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	if utf8.Valid(data) {
		return data, true
	}
	bad := 0
	for {
		r, size := utf8.DecodeRune(data[bad:])
		if r == utf8.RuneError && size <= 1 {
			break
		}
		bad += size
	}
	at := newLines(s.name, data).at(bad, bad+1)
	what := fmt.Sprintf("the byte 0x%02x here is no part of a character", data[bad])
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		what = "it looks like UTF-16"
	}
	diags.Errorf(at, "", "Invalid encoding", "The file is not UTF-8 text: %s. Save it as UTF-8.", what)
	return data, false
}

// discover reads the files that paths stand for, each once.
func discover(paths []string, stdin io.Reader, diags *realm.Diagnostics) []source {
	var sources []source
	seen := map[string]bool{}
	add := func(name string, named bool, open func() (io.ReadCloser, error)) {
		if key := identity(name); seen[key] {
			return
		} else {
			seen[key] = true
		}
		data, err := readAll(open)
		if err != nil {
			unreadable(name, err, diags)
			return
		}
		sources = append(sources, source{name, data, named})
	}
	for _, p := range paths {
		if p == "-" {
			add(stdinName, true, func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil })
			continue
		}
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			add(filepath.Clean(p), true, func() (io.ReadCloser, error) { return os.Open(p) })
			continue
		}
		for _, file := range directory(p, diags) {
			add(file, false, func() (io.ReadCloser, error) { return os.Open(file) })
		}
	}
	return sources
}

// identity returns a name that is the same for all ways to name one file.
func identity(name string) string {
	if abs, err := filepath.Abs(name); err == nil && name != stdinName {
		if real, err := filepath.EvalSymlinks(abs); err == nil {
			return real
		}
		return abs
	}
	return name
}

func readAll(open func() (io.ReadCloser, error)) ([]byte, error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(data) > maxFileSize {
		err = errTooLarge
	}
	return data, err
}

var errTooLarge = fmt.Errorf("it is larger than %d MiB", maxFileSize>>20)

// directory returns the files of a configuration in dir, sorted.
func directory(dir string, diags *realm.Diagnostics) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		unreadable(dir, err, diags)
		return nil
	}
	var files []string
	for _, e := range entries {
		matches := func(pattern string) bool {
			ok, err := filepath.Match(pattern, e.Name())
			return ok && err == nil
		}
		file := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") || !slices.ContainsFunc(patterns, matches) {
			continue
		}
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			continue
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		diags.Errorf(realm.Range{File: dir}, "", "No configuration", "The directory holds no file that matches %s. Write one there, or name the right place with -f FILE|DIR.", strings.Join(patterns, ", "))
	}
	return files
}

// unreadable reports that name can't be read, and what to do about it.
func unreadable(name string, err error, diags *realm.Diagnostics) {
	var pathError *fs.PathError
	reason := err
	if errors.As(err, &pathError) {
		reason = pathError.Err
	}
	hint := "Check the path."
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint = "Check the path that -f names."
	case errors.Is(err, fs.ErrPermission):
		hint = "Run kuke as a user who may read it, for example with sudo, or change its mode with chmod."
	case errors.Is(err, errTooLarge):
		hint = "Split it into several files."
	}
	diags.Errorf(realm.Range{File: name}, "", "Unreadable file", "%s can't be read: %v. %s", name, reason, hint)
}
