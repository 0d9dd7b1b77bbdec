package snapshot

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/internal/client"
)

// Layer is a committed snapshot: an unpacked layer of an image.
type Layer struct {
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"`
	// Dir is the directory of its files on the host, without symbolic links.
	Dir string `json:"dir"`
}

// Layers returns the committed snapshot with that name and those below it, the lowest first. The error is errdefs.ErrNotFound for
// a missing one.
func Layers(ctx context.Context, c *client.Client, ns, name string) ([]Layer, error) {
	layers, err := layersBelow(client.In(ctx, ns), c, name)
	return layers, client.Wrap(err, "find the layers of snapshot %s in namespace %s", name, ns)
}

func layersBelow(ctx context.Context, c *client.Client, name string) (layers []Layer, err error) {
	store := c.Containerd.SnapshotService(Snapshotter)
	var names []string // the uppermost first
	for at := name; at != ""; {
		info, err := store.Stat(ctx, at)
		if err != nil {
			return nil, err
		}
		if info.Kind != snapshots.KindCommitted {
			return nil, fmt.Errorf("%s is no layer: %w", at, errdefs.ErrFailedPrecondition)
		}
		names = append(names, at)
		at = info.Parent
	}
	// Only the mounts of a view tell the directories. Should kuke be killed, the garbage collector removes the view.
	key := "kuke-layers-" + rand.Text()
	mounts, err := store.View(ctx, key, name)
	if err != nil {
		return nil, err
	}
	defer func() {
		after, cancel := client.Afterwards(ctx)
		defer cancel()
		err = errors.Join(err, Remove(after, c, key))
	}()
	const one = 1
	if len(mounts) != one {
		return nil, fmt.Errorf("it has %d mounts, not one", len(mounts))
	}
	dirs := layersOf(mounts[0])
	if len(dirs) != len(names) {
		return nil, fmt.Errorf("it has %d directories for %d layers", len(dirs), len(names))
	}
	for i := len(names) - 1; i >= 0; i-- {
		dir, err := filepath.EvalSymlinks(dirs[i])
		if err != nil {
			return nil, err
		}
		l := Layer{Name: names[i], Dir: dir}
		if i+1 < len(names) {
			l.Parent = names[i+1]
		}
		layers = append(layers, l)
	}
	return layers, nil
}

// ParentOf returns the name of the layer below the snapshot with the key, "" for none.
func ParentOf(ctx context.Context, c *client.Client, ns, key string) (string, error) {
	info, err := c.Containerd.SnapshotService(Snapshotter).Stat(client.In(ctx, ns), key)
	return info.Parent, client.Wrap(err, "find snapshot %s in namespace %s", key, ns)
}

// Share makes the layers of another containerd, whose directories are those that show returns, layers of this one, in the namespace
// of ctx. It mounts each directory, which must be read-only, in place of a copy: the caller shares its mount namespace with this
// containerd alone.
func Share(ctx context.Context, c *client.Client, layers []Layer, show func(dir string) string) error {
	store := c.Containerd.SnapshotService(Snapshotter)
	for _, l := range layers {
		_, err := store.Stat(ctx, l.Name)
		if err == nil {
			continue
		}
		if errdefs.IsNotFound(err) {
			err = share(ctx, store, l, show(l.Dir))
		}
		if err != nil {
			return fmt.Errorf("share layer %s: %w", l.Name, err)
		}
	}
	return nil
}

func share(ctx context.Context, store snapshots.Snapshotter, l Layer, dir string) error {
	key := "kuke-share-" + rand.Text()
	mounts, err := store.Prepare(ctx, key, l.Parent)
	if err != nil {
		return err
	}
	const one = 1
	if len(mounts) != one {
		return fmt.Errorf("it has %d mounts, not one", len(mounts))
	}
	if err := unix.Mount(dir, layersOf(mounts[0])[0], "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", dir, err)
	}
	return store.Commit(ctx, l.Name, key)
}
