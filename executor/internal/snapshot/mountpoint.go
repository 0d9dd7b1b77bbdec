package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/mount"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/spec"
)

// runc makes devices and links in /dev, and directories below /sys, before it enters the root file system, and so follows
// symbolic links of the image on the host. It resolves the targets of mounts within the root file system. So a snapshot
// gets real directories at the places that runc fills by itself, and real files at those that kuke mounts files at. The
// targets of the user's volumes may be behind links, for example below /var/run.

// mountpoint is a place in a root file system that must not be a symbolic link.
type mountpoint struct {
	path string // from the root, without a leading "/"
	// file says that kuke mounts a file there, whose directories may lie behind links.
	file bool
}

// mountpoints returns the mountpoints of a container with the given mounts of kuke's own.
func mountpoints(own []specs.Mount) []mountpoint {
	var all []mountpoint
	for _, place := range spec.DefaultMounts {
		all = append(all, mountpoint{path: strings.TrimPrefix(place, "/")})
	}
	for _, m := range own {
		all = append(all, mountpoint{strings.TrimPrefix(path.Clean(m.Destination), "/"), true})
	}
	return all
}

// WithMountpoints replaces symbolic links by directories and files in the snapshot that was just made for a container.
func WithMountpoints(c *client.Client, own []specs.Mount) containerd.NewContainerOpts {
	return func(ctx context.Context, _ *containerd.Client, made *containers.Container) error {
		return replaceLinks(ctx, c, made.SnapshotKey, mountpoints(own))
	}
}

// replaceLinks makes the mountpoints real in a snapshot that is not in use.
func replaceLinks(ctx context.Context, c *client.Client, key string, all []mountpoint) error {
	mounts, err := c.Containerd.SnapshotService(Snapshotter).Mounts(ctx, key)
	if err != nil {
		return fmt.Errorf("find snapshot %s: %w", key, err)
	}
	return client.Wrap(replaceIn(mounts, all), "replace symbolic links of the image that root would follow")
}

func replaceIn(mounts []mount.Mount, all []mountpoint) error {
	const one = 1
	if len(mounts) != one {
		return fmt.Errorf("the snapshot has %d mounts, not one", len(mounts))
	}
	layers := layersOf(mounts[0])
	if !slices.ContainsFunc(all, func(m mountpoint) bool { return m.isLinkIn(layers) }) {
		return nil
	}
	return Visit(mounts[0], func(root *os.Root) error {
		for _, m := range all {
			if err := m.replace(root); err != nil {
				return fmt.Errorf("/%s: %w", m.path, err)
			}
		}
		return nil
	})
}

// prefixes returns the path and the directories above it, the uppermost first.
func (m mountpoint) prefixes() []string {
	var all []string
	for i, char := range m.path {
		if char == '/' {
			all = append(all, m.path[:i])
		}
	}
	return append(all, m.path)
}

// wrong reports whether an entry at the prefix of the mountpoint has to be replaced.
func (m mountpoint) wrong(prefix string, mode fs.FileMode) bool {
	if m.file {
		return prefix == m.path && mode&fs.ModeSymlink != 0
	}
	return !mode.IsDir()
}

// isLinkIn reports whether the mountpoint may have to be replaced. Most need no replacement, and this tells it without a
// mount. It ignores that a directory may hide those of the layers below.
func (m mountpoint) isLinkIn(layers []string) bool {
	for _, prefix := range m.prefixes() {
		for _, layer := range layers {
			mode, hides := lookIn(layer, prefix)
			if mode != nil && !isWhiteout(mode) && m.wrong(prefix, mode.Mode()) {
				return true
			}
			if mode != nil || hides {
				break
			}
		}
	}
	return false
}

// lookIn returns the entry of a layer, nil where it has none, and whether the layer hides those of the layers below. It
// follows no link.
func lookIn(layer, name string) (entry fs.FileInfo, hides bool) {
	at := layer
	parts := strings.Split(name, "/")
	for i, part := range parts {
		at = filepath.Join(at, part)
		info, err := os.Lstat(at)
		switch {
		case err != nil:
			return nil, false
		case i == len(parts)-1:
			return info, false
		case !info.IsDir():
			return nil, true
		}
	}
	return nil, false
}

// isWhiteout reports whether the entry hides those of its name in the layers below.
func isWhiteout(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return info.Mode()&fs.ModeCharDevice != 0 && ok && st.Rdev == 0
}

// replace makes the mountpoint real. runc makes missing ones.
func (m mountpoint) replace(root *os.Root) error {
	for _, prefix := range m.prefixes() {
		info, err := root.Lstat(prefix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !m.wrong(prefix, info.Mode()):
			if m.file && !info.IsDir() {
				return nil // it exists, or its directory is behind a link
			}
			continue
		}
		if err := root.Remove(prefix); err != nil {
			return err
		}
		if !m.file {
			err = root.Mkdir(prefix, 0o755)
		} else {
			err = root.WriteFile(prefix, nil, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// EnsureMountpoints replaces the links before the start of a container that another version of kuke may have made. The root
// file system of a running container is in use and stays as it is.
func EnsureMountpoints(ctx context.Context, c *client.Client, id string) error {
	record, err := c.Containerd.ContainerService().Get(ctx, id)
	if err != nil || record.Snapshotter != Snapshotter || record.SnapshotKey == "" {
		return err
	}
	if busy, err := c.HasTraces(ctx, id); err != nil || busy {
		return err
	}
	return replaceLinks(ctx, c, record.SnapshotKey, mountpoints(nil))
}
