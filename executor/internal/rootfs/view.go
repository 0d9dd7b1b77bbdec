// Package rootfs looks into the root file system of an image as a container made from it would see it, with its mounts, and
// finds what would keep the container from running before anything is made. It changes nothing, and follows symbolic links
// only where they lead inside the container, never on the host.
package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// maxLinks bounds how many symbolic links are followed for one path, as the kernel does.
const maxLinks = 40

// errUnknown says that a path leads to where nothing can be told: into a mount that can't be looked into, or in a circle.
var errUnknown = errors.New("it can't be looked into")

// View is a root file system with what is mounted into it. Its paths are those in the container.
type View struct {
	root   string
	mounts []mount
}

// mount covers what is at a path, and the earlier mounts below it.
type mount struct {
	at string // without symbolic links
	// source is a path of the host, empty for a tmpfs.
	source   string
	readOnly bool
	// opaque says that the source can't be looked at.
	opaque bool
}

// New returns a view of the root file system at root, a directory of the host.
func New(root string) *View {
	v := &View{root: root}
	// The runtime mounts these itself, and what is in them only a process of the container sees.
	for _, own := range []string{"/proc", "/sys", "/dev"} {
		v.mounts = append(v.mounts, mount{at: own, opaque: true})
	}
	return v
}

// entry is a file, or the lack of one.
type entry struct {
	// path is without symbolic links. Where nothing is there, it is that of what would be made.
	path string
	// exists is false where nothing is there; then above is the nearest directory, or file, that is.
	exists bool
	above  string
	host   string // path on the host
	mode   fs.FileMode
}

// on returns where the link-free path is on the host, and the mount that it is in, nil for the root file system.
func (v *View) on(p string) (host string, in *mount) {
	for i := len(v.mounts) - 1; i >= 0; i-- {
		m := &v.mounts[i]
		if rest, ok := strings.CutPrefix(p, m.at); ok && (rest == "" || rest[0] == '/') {
			return filepath.Join(m.source, rest), m
		}
	}
	return filepath.Join(v.root, p), nil
}

// lstat looks at the link-free path. An error is fs.ErrNotExist where nothing is there.
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
		look = os.Stat // the source is on the host, where its links lead
	}
	info, err := look(host)
	if err != nil {
		return entry{}, err
	}
	return entry{path: p, exists: true, host: host, mode: info.Mode()}, nil
}

// find follows the path from the directory dir, unless it is absolute. An error is errUnknown where it leads into a mount that
// can't be looked into.
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
