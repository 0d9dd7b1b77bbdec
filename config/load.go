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

	"github.com/hashicorp/hcl/v2"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
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

// sourceSet holds what was read, in the order it was.
type sourceSet struct {
	data  map[string][]byte
	order []string
}

func newSourceSet() *sourceSet { return &sourceSet{data: map[string][]byte{}} }

func (s *sourceSet) add(name string, data []byte) {
	if _, ok := s.data[name]; !ok {
		s.order = append(s.order, name)
	}
	s.data[name] = data
}

// text returns what stands at r.
func (s *sourceSet) text(r hcl.Range) string {
	data := s.data[r.Filename]
	if r.Start.Byte > r.End.Byte || r.End.Byte > len(data) {
		return ""
	}
	return string(data[r.Start.Byte:r.End.Byte])
}

// Load reads the files of a configuration, works out what they say, and returns the one tree that they describe together.
// A file's format follows from its name, else from its content. The configuration is never nil. The diagnostics are all
// there is to say, warnings too, in the order of the files and of the places in them.
func Load(in Input) (*Configuration, resource.Diagnostics) {
	var diags resource.Diagnostics
	if len(in.Paths) == 0 {
		in.Paths = []string{"."}
	}
	found := discover(in.Paths, in.Stdin, functions.Files{Outside: in.OutsideFiles}, &diags)
	return load(in, found, diags)
}

// load works out what the files that were found say. diags are those of the reading.
func load(in Input, found []source, diags resource.Diagnostics) (*Configuration, resource.Diagnostics) {
	e := newEvaluator(in, &diags)
	c := &Configuration{Sources: e.sources.data}
	if len(found) == 0 {
		return c, diags
	}
	dirs := directories(append(in.Paths, ".")[:max(1, len(in.Paths))])
	e.rootDir = dirs[0]
	root := newModule(e.rootDir)
	before := len(diags)
	root.read(found, e.sources, &diags)
	c.Project = projectOf(root)
	if len(diags) == before && root.empty() {
		diags.Errorf(resource.Range{File: e.sources.order[0]}, "", "Empty configuration", "The files found (%s) declare no resource: write one, such as realm \"main\" {}. To take everything away, use kuke destroy.", strings.Join(e.sources.order, ", "))
	}
	if root.broken {
		diags = e.sources.sort(diags)
		return c, diags // what else there would be to say may only follow from that
	}
	given := &inputs{sources: e.sources, root: root, diags: &diags, values: map[string]assigned{}}
	given.collect(in, dirs)
	e.root = e.instantiate(root, "")
	e.root.assigned = given.values
	guard(e.sources.order[0], &diags, func() { e.work(c) })
	diags = e.sources.sort(diags)
	c.evaluator = e
	c.Pending = e.pending
	if diags.HasErrors() {
		c.Tree = nil
	}
	return c, diags
}

// sort returns diagnostics in the order of the files and of the places in them, each once: what is wrong in a block is
// found in each of the instances that it stands for.
func (s *sourceSet) sort(diags resource.Diagnostics) resource.Diagnostics {
	seen := map[resource.Diagnostic]bool{}
	diags = slices.DeleteFunc(diags, func(d resource.Diagnostic) bool {
		d.Path = ""
		repeated := seen[d]
		seen[d] = true
		return repeated
	})
	slices.SortStableFunc(diags, func(a, b resource.Diagnostic) int {
		if a.Subject.File != b.Subject.File {
			return slices.Index(s.order, a.Subject.File) - slices.Index(s.order, b.Subject.File)
		}
		return a.Subject.Start.Byte - b.Subject.Start.Byte
	})
	return diags
}

// directories returns those that paths are or lie in, absolute, each once.
func directories(paths []string) []string {
	var dirs []string
	for _, p := range paths {
		dir := p
		if info, err := os.Stat(p); p == "-" || err == nil && !info.IsDir() {
			dir = filepath.Dir(p)
		}
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// named returns a directory as messages show files in it: as seen from the current directory where that is shorter.
func named(dir string) string {
	cwd, err := os.Getwd()
	if err != nil {
		return dir
	}
	rel, err := filepath.Rel(cwd, dir)
	if err != nil || len(rel) > len(dir) {
		return dir
	}
	return rel
}

// guard runs work, which reads the file called name, and turns a panic into a diagnostic: the parsers are other people's;
// whatever they make of strange input, the user gets a message.
func guard(name string, diags *resource.Diagnostics, work func()) {
	defer func() {
		if p := recover(); p != nil {
			diags.Errorf(resource.Range{File: name}, "", message.Bug, "Reading this file failed unexpectedly: %v. Please report it, with the file.", p)
		}
	}()
	work()
}

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
func normalize(s source, diags *resource.Diagnostics) (data []byte, ok bool) {
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

// discover reads the files that paths stand for, each once. Those of a directory are read by the rule of file(), within the
// root of within, or where it has none within that directory; files that are named are the user's choice.
func discover(paths []string, stdin func() io.Reader, within functions.Files, diags *resource.Diagnostics) []source {
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
			add(stdinName, true, func() (io.ReadCloser, error) {
				if stdin == nil {
					return io.NopCloser(strings.NewReader("")), nil
				}
				return io.NopCloser(stdin()), nil
			})
			continue
		}
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			add(filepath.Clean(p), true, openFile(p))
			continue
		}
		for _, file := range directory(p, diags) {
			add(file, false, openWithin(within, p, file))
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

func openFile(name string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(name) }
}

// openWithin opens a file that nobody named but is in dir.
func openWithin(within functions.Files, dir, file string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		path, err := filepath.Abs(file)
		if err != nil {
			return nil, err
		}
		if within.Root == "" {
			within.Root = dir
		}
		return within.Open(path)
	}
}

// ReadInput reads what can be given to [Input.Stdin] more than once, as far as Load takes it.
func ReadInput(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, maxFileSize+1)) }

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
func directory(dir string, diags *resource.Diagnostics) []string {
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
		diags.Errorf(resource.Range{File: dir}, "", "No configuration", "The directory holds no file that matches %s. Write one there, or name the right place with -f FILE|DIR.", strings.Join(patterns, ", "))
	}
	return files
}

// unreadable reports that name can't be read, and what to do about it.
func unreadable(name string, err error, diags *resource.Diagnostics) {
	if outside := (*functions.OutsideError)(nil); errors.As(err, &outside) {
		diags.Errorf(resource.Range{File: name}, "", "File outside of the configuration", "%s leads out of the configuration's directory %s. Put the file there, or allow it with --allow-outside-files.", name, outside.Root)
		return
	}
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
	diags.Errorf(resource.Range{File: name}, "", "Unreadable file", "%s can't be read: %v. %s", name, reason, hint)
}
