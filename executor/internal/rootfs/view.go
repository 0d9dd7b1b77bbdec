// Package rootfs inspects the root file system of an image, with the mounts of a container, and finds the reasons that would
// keep the container from running before it is created. It changes nothing, and resolves symbolic links within the container,
// never on the host.
package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxLinks is the maximum number of symbolic links that are followed for one path, like the kernel's.
const maxLinks = 40

// errUnknown says that a path leads into a mount that can't be inspected, or in a circle.
var errUnknown = errors.New("it can't be inspected")

// View is a root file system with its mounts. Its paths are paths in the container.
type View struct {
	root   string
	mounts []mount
}

// mount covers the file at a path, and the earlier mounts below it.
type mount struct {
	at string // without symbolic links
	// source is a path of the host, empty for a tmpfs.
	source   string
	readOnly bool
	// opaque says that the source can't be inspected.
	opaque bool
}

// New returns a view of the root file system at root, a directory of the host.
func New(root string) *View {
	v := &View{root: root}
	// The runtime mounts these itself, and only processes of the container see their content.
	for _, own := range []string{"/proc", "/sys", "/dev"} {
		v.mounts = append(v.mounts, mount{at: own, opaque: true})
	}
	return v
}

// entry is a file or a missing file.
type entry struct {
	// path is without symbolic links. For a missing file it is the path at which it would be created.
	path string
	// exists is false for a missing file; then above is the nearest existing directory, or file.
	exists bool
	above  string
	host   string // path on the host
	mode   fs.FileMode
}

// on returns the host's path of the link-free path, and the mount that it is in, nil for the root file system.
func (v *View) on(p string) (host string, in *mount) {
	for i := len(v.mounts) - 1; i >= 0; i-- {
		m := &v.mounts[i]
		if rest, ok := strings.CutPrefix(p, m.at); ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(m.source, rest), m
		}
	}
	return filepath.Join(v.root, p), nil
}

// lstat inspects the file at the link-free path. The error is fs.ErrNotExist where there is none.
func (v *View) lstat(p string) (entry, error) {
	host, in := v.on(p)
	look := os.Lstat
	switch {
	case in == nil:
	case in.opaque:
		return entry{}, errUnknown
	case in.source == "" && in.at == p:
		return entry{path: p, exists: true, mode: fs.ModeDir | 0o777}, nil
	case in.source == "":
		return entry{}, fs.ErrNotExist
	case in.at == p:
		look = os.Stat // links of the source are resolved on the host
	}
	info, err := look(host)
	if err != nil {
		return entry{}, err
	}
	return entry{path: p, exists: true, host: host, mode: info.Mode()}, nil
}

// find resolves the path from the directory dir, unless it is absolute. The error is errUnknown where it leads into a mount
// that can't be inspected.
func (v *View) find(dir, p string) (entry, error) {
	if !path.IsAbs(p) {
		p = dir + "/" + p
	}
	parts := strings.Split(p, "/")
	here, err := v.lstat("/")
	if err != nil {
		return entry{}, err
	}
	for links := 0; len(parts) > 0; {
		part := parts[0]
		parts = parts[1:]
		switch {
		case part == "" || part == ".":
			continue
		case part == "..":
			if here, err = v.lstat(path.Dir(here.path)); err != nil {
				return entry{}, err
			}
			continue
		case !here.mode.IsDir():
			return entry{path: path.Join(append([]string{here.path, part}, parts...)...), above: here.path}, nil
		}
		next, err := v.lstat(path.Join(here.path, part))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return entry{path: path.Join(append([]string{here.path, part}, parts...)...), above: here.path}, nil
		case err != nil:
			return entry{}, err
		case next.mode&fs.ModeSymlink == 0:
			here = next
			continue
		}
		if links++; links > maxLinks {
			return entry{}, errUnknown
		}
		to, err := os.Readlink(next.host)
		if err != nil {
			return entry{}, err
		}
		parts = append(strings.Split(to, "/"), parts...)
		if path.IsAbs(to) {
			if here, err = v.lstat("/"); err != nil {
				return entry{}, err
			}
		}
	}
	return here, nil
}
