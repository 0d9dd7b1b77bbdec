package source

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
	"unicode/utf8"

	"github.com/kukeon/kuke/config/internal/sandbox"
	"github.com/kukeon/kuke/config/resource"
)

// MaxSize bounds the size of a file, in bytes.
const MaxSize = 16 << 20

// patterns are the files of a directory that belong to a configuration.
var patterns = []string{"*.hcl", "*.yaml", "*.yml"}

// StdinName is the name of standard input in messages.
const StdinName = "<stdin>"

// File is a file that was read.
type File struct {
	Name string
	Data []byte
	// Named says that the user named the file itself, not just its directory.
	Named bool
}

// Directories returns the directories that the paths are or are in, absolute, each once.
func Directories(paths []string) []string {
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

// Shown returns a directory as messages show files in it: as seen from the current directory where that is shorter.
func Shown(dir string) string {
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

// Normalize removes a byte order mark, turns CRLF into LF and refuses text that isn't UTF-8.
func Normalize(s File, diags *resource.Diagnostics) (data []byte, ok bool) {
	data = bytes.TrimPrefix(s.Data, []byte("\ufeff"))
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
	at := newLines(s.Name, data).at(bad, bad+1)
	reason := fmt.Sprintf("the byte 0x%02x here is no part of a character", data[bad])
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		reason = "it looks like UTF-16"
	}
	diags.Errorf(at, "", "Invalid encoding", "The file is not UTF-8 text: %s. Save it as UTF-8.", reason)
	return data, false
}

// Discover reads the files at the paths, each once. The files of a directory must be within the root of within, or where it
// has none within that directory; a file that is named is the user's choice.
func Discover(paths []string, stdin func() io.Reader, within sandbox.Files, diags *resource.Diagnostics) []File {
	var sources []File
	seen := map[string]bool{}
	add := func(name string, named bool, read func() ([]byte, error)) {
		if key := Identity(name); seen[key] {
			return
		} else {
			seen[key] = true
		}
		data, err := read()
		if err != nil {
			Unreadable(name, err, diags)
			return
		}
		sources = append(sources, File{name, data, named})
	}
	for _, p := range paths {
		if p == "-" {
			add(StdinName, true, func() ([]byte, error) {
				if stdin == nil {
					return nil, nil
				}
				return ReadFrom(stdin())
			})
			continue
		}
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			add(filepath.Clean(p), true, func() ([]byte, error) { return ReadFile(p) })
			continue
		}
		for _, file := range FilesIn(p, diags) {
			add(file, false, func() ([]byte, error) { return ReadWithin(within, p, file) })
		}
	}
	return sources
}

// Identity returns a name that is the same for all ways to name one file.
func Identity(name string) string {
	if abs, err := filepath.Abs(name); err == nil && name != StdinName {
		if real, err := filepath.EvalSymlinks(abs); err == nil {
			return real
		}
		return abs
	}
	return name
}

// ReadFile reads a file that the user named. It refuses more than [MaxSize], as the others do.
func ReadFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadFrom(f)
}

// ReadWithin reads a file in dir that the user did not name. It must be within the root of within, or where that has none
// within dir.
func ReadWithin(within sandbox.Files, dir, name string) ([]byte, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if within.Root == "" {
		within.Root = dir
	}
	f, err := within.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadFrom(f)
}

// ReadFrom reads standard input.
func ReadFrom(r io.Reader) ([]byte, error) {
	data, err := ReadInput(r)
	if err == nil && len(data) > MaxSize {
		err = errTooLarge
	}
	return data, err
}

// ReadInput reads standard input, one byte further than [ReadFrom] takes it.
func ReadInput(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, MaxSize+1)) }

var errTooLarge = fmt.Errorf("it is larger than %d MiB", MaxSize>>20)

// FilesIn returns the files of a configuration in dir, sorted.
func FilesIn(dir string, diags *resource.Diagnostics) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		Unreadable(dir, err, diags)
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
		noConfiguration(dir, entries, diags)
	}
	return files
}

// noConfiguration reports that there is no file of a configuration among the entries of dir.
func noConfiguration(dir string, entries []fs.DirEntry, diags *resource.Diagnostics) {
	if abs, err := filepath.Abs(dir); err == nil && (filepath.Clean(dir) == "." || !filepath.IsLocal(dir)) {
		dir = abs
	}
	terraform := ""
	if i := slices.IndexFunc(entries, func(e fs.DirEntry) bool { return filepath.Ext(e.Name()) == ".tf" }); i >= 0 {
		terraform = fmt.Sprintf(" %s is a file of Terraform.", entries[i].Name())
	}
	diags.Errorf(resource.Range{File: dir}, "", "No configuration", "The directory holds no file that matches %s.%s Write one there, or name the right place with -f FILE|DIR.", strings.Join(patterns, ", "), terraform)
}

// Unreadable reports that name can't be read, with the remedy.
func Unreadable(name string, err error, diags *resource.Diagnostics) {
	if outside := (*sandbox.OutsideError)(nil); errors.As(err, &outside) {
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
	case errors.Is(err, fs.ErrPermission):
		hint = "Run kuke as a user who may read it, for example with sudo, or change its mode with chmod."
	case errors.Is(err, errTooLarge):
		hint = "Split it into several files."
	}
	diags.Errorf(resource.Range{File: name}, "", "Unreadable file", "%s can't be read: %v. %s", name, reason, hint)
}
