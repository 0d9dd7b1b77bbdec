package volume

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// restoring is the directory beside the data that an archive is unpacked in, and that holds the former data until it is removed.
const restoring = ".kuke-restoring"

// Restore replaces the content of the directory by that of a tar. It is unpacked beside the directory and exchanged with it when it is
// complete: an archive that is broken, or has a path that leaves the volume, changes nothing.
func Restore(ctx context.Context, r io.Reader, dir string) error {
	dir, err := filepath.EvalSymlinks(dir) // a link stays
	if err != nil {
		return err
	}
	if err := CheckUnmounted(dir); err != nil {
		return err
	}
	aside := beside(dir, restoring)
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	if err := os.Mkdir(aside, 0o700); err != nil {
		return err
	}
	if err := copyOwner(dir, aside); err != nil {
		return errors.Join(err, os.RemoveAll(aside))
	}
	if err := unpack(ctx, r, aside); err != nil {
		return errors.Join(err, os.RemoveAll(aside))
	}
	if err := unix.Renameat2(unix.AT_FDCWD, aside, unix.AT_FDCWD, dir, unix.RENAME_EXCHANGE); err != nil {
		return errors.Join(fmt.Errorf("exchange %s: %w", dir, err), os.RemoveAll(aside))
	}
	_ = Discard(dir) // the former data, and content of an image that was not there yet: the next command tries again
	return nil
}

// unpack unpacks a tar in the directory.
func unpack(ctx context.Context, r io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := &unpacking{ctx: ctx, root: root}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read the archive: %w", err)
		}
		if err := u.entry(h, archive); err != nil {
			return fmt.Errorf("restore %q: %w", h.Name, err)
		}
	}
	if u.count == 0 {
		return errors.New("the archive is empty: make one with kuke volume backup")
	}
	// Files in directories change their times, so that these come last, the innermost first.
	for i := len(u.dirs) - 1; i >= 0; i-- {
		if err := u.times(u.dirs[i]); err != nil {
			return fmt.Errorf("restore %q: %w", u.dirs[i].Name, err)
		}
	}
	top, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(top.Fd())), top.Close())
}

type unpacking struct {
	ctx   context.Context
	root  *os.Root
	dirs  []*tar.Header
	count int
}

// entry makes the file of the header. The root follows no link out of the directory.
func (u *unpacking) entry(h *tar.Header, content io.Reader) error {
	if err := u.ctx.Err(); err != nil {
		return err
	}
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // git archive writes one, which is no file
	}
	u.count++
	name := path.Clean(h.Name)
	if !filepath.IsLocal(name) || strings.Contains("/"+h.Name+"/", "/../") {
		return errors.New("the path leaves the volume")
	}
	h.Name = name
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeDir {
		if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		u.dirs = append(u.dirs, h)
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont: // the holes of a sparse file are read as zeros
		if err := u.file(name, content, h.Size); err != nil {
			return err
		}
	case tar.TypeLink:
		target := path.Clean(h.Linkname)
		if !filepath.IsLocal(target) {
			return fmt.Errorf("its link to %q leaves the volume", h.Linkname)
		}
		return u.root.Link(target, name)
	case tar.TypeSymlink:
		if err := u.root.Symlink(h.Linkname, name); err != nil {
			return err
		}
	case tar.TypeFifo, tar.TypeChar, tar.TypeBlock:
		if err := u.node(name, h); err != nil {
			return err
		}
	default:
		return fmt.Errorf("the entry has the type %q, which no file has", h.Typeflag)
	}
	return u.attributes(name, h)
}

// file writes a regular file, and leaves holes where it has only zeros.
func (u *unpacking) file(name string, content io.Reader, size int64) error {
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	const block = 4096
	data, empty := make([]byte, 64*block), make([]byte, block)
	for at := int64(0); at < size; {
		if err := u.ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(content, data[:min(int64(len(data)), size-at)])
		if err != nil {
			return err
		}
		for i := 0; i < n; i += block {
			part := data[i:min(i+block, n)]
			if bytes.Equal(part, empty[:len(part)]) {
				continue
			}
			if _, err := f.WriteAt(part, at+int64(i)); err != nil {
				return err
			}
		}
		at += int64(n)
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// within calls fn with the directory of the file open, and its name in there.
func (u *unpacking) within(name string, fn func(dir int, base string) error) error {
	dir, err := u.root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return fn(int(dir.Fd()), path.Base(name))
}

func (u *unpacking) node(name string, h *tar.Header) error {
	kinds := map[byte]uint32{tar.TypeFifo: unix.S_IFIFO, tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK}
	return u.within(name, func(dir int, base string) error {
		return unix.Mknodat(dir, base, kinds[h.Typeflag]|0o600, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
	})
}

// attributes gives the file its owner, its mode, its extended attributes and its times. A changed owner clears some of the others.
func (u *unpacking) attributes(name string, h *tar.Header) error {
	if err := u.root.Lchown(name, h.Uid, h.Gid); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeSymlink {
		if err := u.root.Chmod(name, Mode(uint32(h.Mode))); err != nil {
			return err
		}
	}
	err := u.within(name, func(dir int, base string) error {
		for key, value := range h.PAXRecords {
			attribute, ok := strings.CutPrefix(key, xattrPrefix)
			if !ok {
				continue
			}
			// The path through the descriptor is that of the very directory, whatever links there are.
			file := fmt.Sprintf("/proc/self/fd/%d/%s", dir, base)
			if err := unix.Lsetxattr(file, attribute, []byte(value), 0); ignoreUnsupported("", "", "", err) != nil {
				return fmt.Errorf("set the attribute %s: %w", attribute, err)
			}
		}
		return nil
	})
	if err != nil || h.Typeflag == tar.TypeDir {
		return err
	}
	return u.times(h)
}

func (u *unpacking) times(h *tar.Header) error {
	return u.within(h.Name, func(dir int, base string) error {
		spec := func(t time.Time) unix.Timespec { return unix.NsecToTimespec(t.UnixNano()) }
		return unix.UtimesNanoAt(dir, base, []unix.Timespec{spec(h.ModTime), spec(h.ModTime)}, unix.AT_SYMLINK_NOFOLLOW)
	})
}
