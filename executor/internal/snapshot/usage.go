package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/client"
)

// Usage is the data in the files that a container has written to its own file system: outside of mounts, and of the directories
// for files that need not be kept.
type Usage struct {
	Bytes int64
	// Largest is the path of the largest file in the container; empty where there is none, or where only the size is known.
	Largest string
}

// passing are the directories whose files need not be kept, by the Filesystem Hierarchy Standard, and those that are mounted over.
var passing = []string{"dev", "proc", "run", "sys", "tmp", "var/cache", "var/lock", "var/run", "var/tmp"}

// UsageOf returns the usage of the snapshot of the container with the id, in the namespace ns. The container may run. A missing
// container, or one without a snapshot, has none. The directories in except don't count.
func UsageOf(ctx context.Context, c *client.Client, ns, id string, except ...string) (Usage, error) {
	ctx = client.In(ctx, ns)
	record, err := c.Containerd.ContainerService().Get(ctx, id)
	if errdefs.IsNotFound(err) || err == nil && record.SnapshotKey == "" {
		return Usage{}, nil
	}
	if err != nil {
		return Usage{}, fmt.Errorf("look at the files of container %s: %w", id, err)
	}
	service := c.Containerd.SnapshotService(record.Snapshotter)
	mounts, err := service.Mounts(ctx, record.SnapshotKey)
	if err != nil {
		return Usage{}, fmt.Errorf("look at the files of container %s: %w", id, err)
	}
	if upper := upperOf(mounts); upper != "" {
		u, err := usageIn(ctx, upper, except)
		return u, client.Wrap(err, "look at the files of container %s", id)
	}
	u, err := service.Usage(ctx, record.SnapshotKey) // which counts directories and passing files, too
	return Usage{Bytes: u.Size}, client.Wrap(err, "look at the files of container %s", id)
}

// upperOf returns the directory with the files that were written to a snapshot, or "" where none has these alone.
func upperOf(mounts []mount.Mount) string {
	const one = 1
	if len(mounts) != one || mounts[0].Type != "overlay" {
		return ""
	}
	for _, option := range mounts[0].Options {
		if dir, ok := strings.CutPrefix(option, "upperdir="); ok {
			return dir
		}
	}
	return ""
}

// usageIn sums the files in the directory. Those that vanish meanwhile, as files of running containers do, don't count.
func usageIn(ctx context.Context, upper string, except []string) (u Usage, err error) {
	type inode struct{ device, number uint64 }
	seen := map[inode]bool{}
	largest := int64(0)
	// The processes of the container can replace a directory by a link at any time: the root leads no link out.
	root, err := os.OpenRoot(upper)
	if err != nil {
		return u, err
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case (slices.Contains(passing, name) || slices.Contains(except, "/"+name)) && entry.IsDir():
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil // it has vanished
		}
		size := info.Size()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			if id := (inode{st.Dev, st.Ino}); st.Nlink > 1 && seen[id] {
				return nil
			} else if st.Nlink > 1 {
				seen[id] = true
			}
			const block = 512
			if allocated := st.Blocks * block; allocated > 0 {
				size = min(size, allocated) // a file with holes takes less
			}
		}
		u.Bytes += size
		if size > largest {
			largest, u.Largest = size, "/"+name
		}
		return nil
	})
	return u, err
}
