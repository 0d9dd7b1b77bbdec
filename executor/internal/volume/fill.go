package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	fscopy "github.com/containerd/continuity/fs"
	securejoin "github.com/cyphar/filepath-securejoin"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/snapshot"
)

// The content of an image is copied beside the data, and moved there when it is complete. So an interrupted copy begins again, and
// an interrupted move goes on.
const (
	copying = ".kuke-copying"
	copied  = ".kuke-copied"
)

// beside returns the path of a directory of kuke's own beside that of the data. The directories of other volumes, and those of the user,
// have other names.
func beside(dir, ending string) string { return filepath.Clean(dir) + ending }

// Fill copies the directory at target of the image into an empty directory, with owners, modes, times, extended attributes, links
// and holes. It leaves a directory with content alone, and an image without that directory.
func Fill(ctx context.Context, c *client.Client, namespace, reference, target, dir string) error {
	return fill(dir, target, func(f func(root string) error) error {
		_, err := image.View(ctx, c, namespace, reference, func(root string, _ ocispec.ImageConfig) error { return f(root) })
		return err
	})
}

// Carry is [Fill] from the files of a container, with those that it has written. No process of the container may run.
func Carry(ctx context.Context, c *client.Client, namespace, id, target, dir string) error {
	return fill(dir, target, func(f func(root string) error) error { return snapshot.Files(ctx, c, namespace, id, f) })
}

// fill copies the directory at target of a root file system, which look calls a function with, into the directory of a volume.
func fill(dir, target string, look func(func(root string) error) error) error {
	if _, err := os.Lstat(beside(dir, copied)); err == nil {
		return take(dir)
	}
	if err := os.RemoveAll(beside(dir, copying)); err != nil {
		return err
	}
	if empty, err := IsEmpty(dir); err != nil || !empty {
		return err
	}
	found := false
	err := look(func(root string) error {
		source, err := securejoin.SecureJoin(root, target)
		if err != nil {
			return err
		}
		if info, err := os.Stat(source); err != nil || !info.IsDir() {
			return nil //nolint:nilerr // it has no directory there
		}
		found = true
		return fscopy.CopyDir(beside(dir, copying), source, fscopy.WithXAttrErrorHandler(ignoreUnsupported))
	})
	if err != nil || !found {
		return errors.Join(err, os.RemoveAll(beside(dir, copying)))
	}
	if err := sync(beside(dir, copying)); err != nil {
		return err
	}
	if err := os.Rename(beside(dir, copying), beside(dir, copied)); err != nil {
		return err
	}
	return take(dir)
}

// ignoreUnsupported lets extended attributes go that the file system of the volume has not.
func ignoreUnsupported(_, _, _ string, err error) error {
	if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) {
		return nil
	}
	return err
}

// take moves the content that was copied into the directory, and gives that its owner, its mode and its extended attributes.
// Files that are there already stay.
func take(dir string) error {
	from := beside(dir, copied)
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		err := unix.Renameat2(unix.AT_FDCWD, filepath.Join(from, e.Name()), unix.AT_FDCWD, filepath.Join(dir, e.Name()), unix.RENAME_NOREPLACE)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("move %s into the volume: %w", e.Name(), err)
		}
	}
	if err := copyOwner(from, dir); err != nil {
		return err
	}
	return os.RemoveAll(from)
}

// copyOwner gives the directory to the owner, the mode and the extended attributes of another.
func copyOwner(from, to string) error {
	var stat unix.Stat_t
	if err := unix.Stat(from, &stat); err != nil {
		return err
	}
	if err := os.Chown(to, int(stat.Uid), int(stat.Gid)); err != nil {
		return err
	}
	if err := os.Chmod(to, Mode(stat.Mode)); err != nil {
		return err
	}
	return copyAttributes(from, to)
}

// copyAttributes copies the extended attributes of a directory.
func copyAttributes(from, to string) error {
	const most = 1 << 16 // bytes of the names, and of a value
	names := make([]byte, most)
	n, err := unix.Llistxattr(from, names)
	if err != nil {
		return ignoreUnsupported("", "", "", err)
	}
	value := make([]byte, most)
	for name := range splitNames(names[:n]) {
		size, err := unix.Lgetxattr(from, name, value)
		if err == nil {
			err = unix.Lsetxattr(to, name, value[:size], 0)
		}
		if err := ignoreUnsupported("", "", "", err); err != nil {
			return fmt.Errorf("copy the attribute %s: %w", name, err)
		}
	}
	return nil
}

// Discard removes the copies that an interrupted [Fill] or [Restore] has left beside the directory.
func Discard(dir string) error {
	return errors.Join(TidyUp(dir), os.RemoveAll(beside(dir, copied)))
}

// TidyUp removes the incomplete copies that a killed [Fill] or [Restore] has left beside the directory, and the data that a restored one
// has replaced. Nobody fills or restores the volume meanwhile.
func TidyUp(dir string) error {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return errors.Join(os.RemoveAll(beside(dir, copying)), os.RemoveAll(beside(dir, restoring)))
}

// sync writes the file system of the directory to its disk: copied files outlive a power cut, as the record of them does.
func sync(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}

// Clear removes everything in the directory, and the copies beside it.
func Clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return Discard(dir)
}

// IsEmpty reports whether the directory has no files.
func IsEmpty(dir string) (bool, error) {
	f, err := os.Open(dir)
	if err != nil {
		return false, err
	}
	names, err := f.Readdirnames(1)
	if len(names) > 0 {
		return false, f.Close()
	}
	_ = err // io.EOF: there is none
	return true, f.Close()
}
