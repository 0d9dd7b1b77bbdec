package sandbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
)

// Files are the files that a configuration may read.
type Files struct {
	Dir     string // directory that relative paths are relative to: that of the module
	Root    string // directory of the whole configuration: nothing outside of it is read, unless Outside
	Outside bool   // the user allowed any file
	Home    string // directory that a leading ~ names; empty for that of the user
	// Opened is told of the absolute path of each file that is opened, or that stands in a directory that was searched. It may
	// be nil.
	Opened func(path string)
}

// MaxSize bounds a file that is read, in bytes.
const MaxSize = 16 << 20

// Abs returns path as an absolute one, whether there is a file or not.
func (f Files) Abs(path string) (string, error) { return filepath.Abs(f.join(path)) }

func (f Files) join(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(f.Dir, path)
}

// ExpandHome replaces a leading ~ by the home directory.
func (f Files) ExpandHome(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path, nil
	}
	if rest != "" && rest[0] != '/' {
		return "", fmt.Errorf("the home directories of other users aren't known. Write %s as an absolute path", message.Shorten(path))
	}
	if f.Home != "" {
		return filepath.Join(f.Home, rest), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory is set to replace ~ by: %w", err)
	}
	return filepath.Join(home, rest), nil
}

// A place is a file or a directory that may be read.
type place struct {
	root, name string // name is relative to root, and has no links in it
}

// find resolves path and its links, and refuses files outside of the configuration. The error of a missing file is
// [fs.ErrNotExist].
func (f Files) find(path string) (place, error) {
	if strings.ContainsRune(path, 0) {
		return place{}, errors.New("a path can't hold a zero byte")
	}
	expanded, err := f.ExpandHome(path)
	if err != nil {
		return place{}, err
	}
	root := "/"
	if !f.Outside {
		if f.Root == "" {
			return place{}, errors.New("no directory is set from which files may be read")
		}
		if root, err = resolve(f.Root); err != nil {
			return place{}, fmt.Errorf("find the configuration's directory: %w", err)
		}
	}
	full, err := filepath.Abs(f.join(expanded))
	if err != nil {
		return place{}, err
	}
	resolved, err := resolve(full)
	if errors.Is(err, fs.ErrNotExist) && !f.leads(full) {
		// The error must not reveal whether a file outside exists.
		return place{}, f.outside(path)
	}
	if err != nil {
		return place{}, fmt.Errorf("read %s: %w", message.Shorten(path), reason(err))
	}
	name, err := filepath.Rel(root, resolved)
	if err != nil || !filepath.IsLocal(name) {
		return place{}, f.outside(path)
	}
	return place{root, name}, nil
}

// leads reports whether the path of a missing file may be inspected: the existing part of it, with its links resolved, is
// within the configuration.
func (f Files) leads(full string) bool {
	if f.Outside {
		return true
	}
	root, err := resolve(f.Root)
	if err != nil {
		return false
	}
	for dir := full; ; dir = filepath.Dir(dir) {
		resolved, err := resolve(dir)
		if err == nil {
			name, err := filepath.Rel(root, resolved)
			return err == nil && filepath.IsLocal(name)
		}
		if target, err := os.Readlink(dir); err == nil {
			// A dangling link: its target counts, not its place.
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(dir), target)
			}
			if target = filepath.Clean(target); !strings.HasPrefix(target+"/", root+"/") {
				return false
			}
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

func resolve(path string) (string, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	resolved, err := filepath.EvalSymlinks(full)
	if err != nil {
		// The kernel's error, where there is one: package filepath has another text for links in a circle.
		if _, refused := os.Stat(full); refused != nil {
			err = refused
		}
	}
	return resolved, err
}

func (f Files) outside(path string) error { return &OutsideError{Path: path, Root: f.Root} }

// OutsideError says that a path leads out of the directory that files are read from.
type OutsideError struct{ Path, Root string }

// Error names both and the ways out.
func (e *OutsideError) Error() string {
	return fmt.Sprintf("%s is outside of the configuration's directory %s. Move it there, or allow it with --allow-outside-files", message.Shorten(e.Path), e.Root)
}

// Check returns an [*OutsideError] where the file or directory at path is outside. It may be missing, or unreadable for
// another reason.
func (f Files) Check(path string) error {
	_, err := f.find(path)
	if outside := (*OutsideError)(nil); errors.As(err, &outside) {
		return err
	}
	return nil
}

// Open opens a regular file. The error doesn't name it, but for an [*OutsideError].
func (f Files) Open(path string) (*os.File, error) {
	file, err := f.open(path)
	if inner := errors.Unwrap(err); inner != nil {
		return nil, inner
	}
	return file, err
}

// reason removes the path from an error: messages cite it as the user wrote it.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// open returns an open regular file. The path can't lead outside even if links change meanwhile.
func (f Files) open(path string) (*os.File, error) {
	p, err := f.find(path)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(p.root)
	if err != nil {
		return nil, fmt.Errorf("open the configuration's directory: %w", err)
	}
	defer root.Close()
	info, err := root.Stat(p.name)
	if err == nil && !info.Mode().IsRegular() {
		// Opening a pipe would wait for a writer.
		return nil, fmt.Errorf("%s is not a regular file", message.Shorten(path))
	}
	var file *os.File
	if err == nil {
		file, err = root.Open(p.name)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", message.Shorten(path), reason(err))
	}
	f.Note(path)
	return file, nil
}

// Note tells that the file at path was looked at.
func (f Files) Note(path string) {
	if f.Opened == nil {
		return
	}
	if expanded, err := f.ExpandHome(path); err == nil {
		if full, err := f.Abs(expanded); err == nil {
			f.Opened(full)
		}
	}
}

// Read returns the content of a regular file.
func (f Files) Read(path string) ([]byte, error) {
	file, err := f.open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", message.Shorten(path), reason(err))
	}
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%s is larger than %d MiB, the maximum", message.Shorten(path), MaxSize>>20)
	}
	return data, nil
}

// OpenDirectory opens a directory. Links are followed as far as they stay within the root. An error that is
// [fs.ErrNotExist] says that there is none.
func (f Files) OpenDirectory(path string) (fs.FS, io.Closer, error) {
	p, err := f.find(path)
	if err != nil {
		return nil, nil, err
	}
	root, err := os.OpenRoot(p.root)
	if err != nil {
		return nil, nil, err
	}
	within, err := fs.Sub(root.FS(), p.name)
	if err != nil {
		root.Close()
		return nil, nil, err
	}
	return within, root, nil
}

// Exists reports whether there is a regular file at path.
func (f Files) Exists(path string) (bool, error) {
	file, err := f.open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, file.Close()
}
