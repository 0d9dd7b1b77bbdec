package functions

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/sandbox"
)

// A fileset looks at so many files and directories, and takes so long a pattern: each pair of braces is tried on its own.
const (
	maxLooks   = 1 << 16
	maxPattern = 1024
)

// fileset returns the paths, relative to dir, of the regular files in it that match pattern.
func fileset(f sandbox.Files, dir, pattern string) (cty.Value, error) {
	if len(pattern) > maxPattern {
		return cty.NilVal, function.NewArgErrorf(1, "is longer than %d characters", maxPattern)
	}
	if pattern = path.Clean(pattern); path.IsAbs(pattern) || slices.Contains(strings.Split(pattern, "/"), "..") {
		return cty.NilVal, function.NewArgErrorf(1, "must be relative, and without ..: name the directory in the first argument")
	}
	if !doublestar.ValidatePattern(pattern) {
		return cty.NilVal, function.NewArgErrorf(1, "%q is not a pattern: it has brackets or braces without end", message.Shorten(pattern))
	}
	within, directory, err := f.OpenDirectory(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return cty.SetValEmpty(cty.String), nil
	}
	if err != nil {
		return cty.NilVal, function.NewArgError(0, err)
	}
	defer directory.Close()
	walk := &walk{FS: within}
	var names []cty.Value
	err = doublestar.GlobWalk(walk, pattern, func(name string, _ fs.DirEntry) error {
		if walk.looks > maxLooks {
			return errLooks
		}
		if info, err := walk.Stat(name); err == nil && info.Mode().IsRegular() {
			names = append(names, cty.StringVal(name))
			f.Note(path.Join(dir, name))
		}
		return nil
	}, doublestar.WithNoFollow(), doublestar.WithFailOnIOErrors())
	switch {
	case walk.looks > maxLooks:
		return cty.NilVal, errLooks
	case err != nil:
		return cty.NilVal, fmt.Errorf("look for %s in %s: %w", message.Shorten(pattern), message.Shorten(dir), err)
	case len(names) == 0:
		return cty.SetValEmpty(cty.String), nil
	}
	return cty.SetVal(names), nil
}

var errLooks = fmt.Errorf("there are more than %d files and directories to look at; name a directory further down", maxLooks)

// walk counts how often it is asked, and answers no more once that is too often.
type walk struct {
	fs.FS
	looks int
}

func (w *walk) look(n int) error {
	if w.looks += n; w.looks > maxLooks {
		return errLooks
	}
	return nil
}

func (w *walk) Open(name string) (fs.File, error) {
	if err := w.look(1); err != nil {
		return nil, err
	}
	return w.FS.Open(name)
}

func (w *walk) Stat(name string) (fs.FileInfo, error) {
	if err := w.look(1); err != nil {
		return nil, err
	}
	return fs.Stat(w.FS, name)
}

func (w *walk) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := w.look(1); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(w.FS, name)
	if err != nil {
		return nil, err
	}
	return entries, w.look(len(entries))
}
