// Package bind prepares the sources of bind mounts on this host: it creates missing directories, gives SELinux labels, and tells
// how the mounts below which they are propagate.
package bind

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/selinux/go-selinux/label"

	"github.com/kukeon/kuke/config/resource"
)

// Prepare creates the missing sources of mounts that ask for it.
func Prepare(c *resource.Container) error {
	for _, v := range c.Volumes {
		if !v.CreateHostPath {
			continue
		}
		if err := create(v.Source); err != nil {
			return fmt.Errorf("create the source of the mount at %s: %w", v.Target, err)
		}
	}
	return nil
}

// create makes the directory and those above it, with mode 0755 whatever the umask is. An existing file or directory stays as it is.
func create(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := create(filepath.Dir(dir)); err != nil {
		return err
	}
	const mode = 0o755
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	} else if err != nil {
		return nil // another container has made it
	}
	return os.Chmod(dir, mode)
}

// Label gives the sources of a container's mounts the SELinux labels that they ask for. On hosts without SELinux it does nothing. id
// is that of the container in containerd.
func Label(c *resource.Container, id string) error {
	for _, v := range c.Volumes {
		if v.SELinux == "" {
			continue
		}
		if err := label.Relabel(v.Source, fileLabel(id), v.SELinux == resource.SELinuxShared); err != nil {
			return fmt.Errorf("set the SELinux label of %s, the source of the mount at %s: %w", v.Source, v.Target, err)
		}
	}
	return nil
}

// fileLabel returns the label of files that are a container's alone: container engines tell containers apart by two of the 1024
// categories. They follow from the id, so that the next container of that id has the same.
func fileLabel(id string) string {
	const categories = 1024
	sum := sha256.Sum256([]byte(id))
	a := binary.BigEndian.Uint32(sum[:]) % categories
	b := binary.BigEndian.Uint32(sum[4:]) % (categories - 1)
	if b >= a {
		b++
	}
	return fmt.Sprintf("system_u:object_r:container_file_t:s0:c%d,c%d", min(a, b), max(a, b))
}

// Propagation is how mounts below a mount reach others, and those of others it.
type Propagation string

// The propagations.
const (
	Private Propagation = "private"
	Slave   Propagation = "slave"
	Shared  Propagation = "shared"
)

// PropagationOf returns the propagation of the mount that the path is on. Of a missing path it is that of the nearest directory above.
func PropagationOf(path string) (Propagation, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) && path != "/" {
		return PropagationOf(filepath.Dir(path))
	}
	if err != nil {
		return "", err
	}
	mounts, err := mountinfo.GetMounts(mountinfo.ParentsFilter(real))
	if err != nil {
		return "", err
	}
	var on *mountinfo.Info
	for _, m := range mounts {
		// Of several mounts at one path, the last one is on top.
		if on == nil || len(m.Mountpoint) >= len(on.Mountpoint) {
			on = m
		}
	}
	if on == nil {
		return Private, nil
	}
	return propagationIn(on.Optional), nil
}

// propagationIn reads the optional fields of a line of mountinfo.
func propagationIn(optional string) Propagation {
	found := Private
	for _, field := range strings.Fields(optional) {
		switch name, _, _ := strings.Cut(field, ":"); name {
		case "shared":
			return Shared
		case "master":
			found = Slave
		}
	}
	return found
}
