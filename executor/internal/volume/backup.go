package volume

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// xattrPrefix begins the names of the records of a tar that hold extended attributes, as GNU tar and bsdtar write them.
const xattrPrefix = "SCHILY.xattr."

// Backup writes the content of the directory as a tar: with owners, modes, times, extended attributes, hard links and devices. Holes
// of files are written as zeros. warn is told of each file that is left out, and why.
func Backup(ctx context.Context, dir string, w io.Writer, warn func(string)) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	b := &backup{ctx: ctx, dir: dir, w: tar.NewWriter(w), warn: warn, names: map[inode]string{}}
	if err := filepath.WalkDir(dir, b.entry); err != nil {
		return err
	}
	return b.w.Close()
}

type inode struct{ device, number uint64 }

type backup struct {
	ctx   context.Context
	dir   string
	w     *tar.Writer
	warn  func(string)
	names map[inode]string // the first names of files that have several
}

func (b *backup) entry(path string, d fs.DirEntry, err error) error {
	name, _ := filepath.Rel(b.dir, path)
	switch {
	case b.ctx.Err() != nil:
		return b.ctx.Err()
	case errors.Is(err, fs.ErrNotExist) && path != b.dir:
		return nil // it was deleted meanwhile
	case err != nil:
		return err
	case d.Type()&fs.ModeSocket != 0:
		b.warn(name + " is a socket, which no archive can hold")
		return nil
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	h, err := b.header(path, name, info)
	if err != nil {
		return fmt.Errorf("back up %s: %w", name, err)
	}
	if h.Typeflag != tar.TypeReg {
		return b.w.WriteHeader(h)
	}
	return b.file(path, h)
}

func (b *backup) header(path, name string, info fs.FileInfo) (*tar.Header, error) {
	link := ""
	var err error
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return nil, err
		}
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return nil, err
	}
	h.Name, h.Format = name, tar.FormatPAX
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	h.Uname, h.Gname = "", "" // names of this host mean nothing to the container
	if info.IsDir() {
		h.Name += "/"
	}
	stat := info.Sys().(*syscall.Stat_t)
	if id := (inode{stat.Dev, stat.Ino}); stat.Nlink > 1 && !info.IsDir() {
		if first, ok := b.names[id]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
			return h, nil
		}
		b.names[id] = name
	}
	return h, b.attributes(path, h)
}

// attributes adds the extended attributes of the file to the header.
func (b *backup) attributes(path string, h *tar.Header) error {
	const most = 1 << 16 // bytes of the names, and of a value
	names := make([]byte, most)
	n, err := unix.Llistxattr(path, names)
	if err != nil {
		return ignoreUnsupported("", "", "", err)
	}
	value := make([]byte, most)
	for name := range splitNames(names[:n]) {
		size, err := unix.Lgetxattr(path, name, value)
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the attribute %s: %w", name, err)
		}
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[xattrPrefix+name] = string(value[:size])
	}
	return nil
}

// file writes a regular file. One that shrinks while it is read, which only happens without freezing, is filled up with zeros.
func (b *backup) file(path string, h *tar.Header) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if err := b.w.WriteHeader(h); err != nil {
		return err
	}
	n, err := io.CopyN(b.w, reader{b.ctx, f}, h.Size)
	if errors.Is(err, io.EOF) {
		b.warn(h.Name + " changed while it was read")
		_, err = io.CopyN(b.w, zeros{}, h.Size-n)
	}
	return err
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
