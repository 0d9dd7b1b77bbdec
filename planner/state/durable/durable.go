// Package durable writes files in one step that outlives a crash of the host and leaves nothing else behind, and opens
// files that must not be symbolic links.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// tries is the maximum number of attempts to replace a file that another process replaces at the same moment.
const tries = 100

// WriteFile creates or replaces the file with the data and the mode, whatever the umask. Once it returns nil, the file is
// on the disk under its name. A symbolic link is replaced, not followed.
//
// A new file has no other name at any time. A replacement has the name of [Temporary] for a moment: a process that is
// killed then leaves it behind, and the next WriteFile or [Remove] of the file removes it.
func WriteFile(file string, data []byte, mode fs.FileMode) error {
	return WriteFileFor(file, data, mode, -1, -1)
}

// WriteFileFor is [WriteFile] that gives the file to a user and a group, where those are not -1 and this process may.
func WriteFileFor(file string, data []byte, mode fs.FileMode, uid, gid int) error {
	dir := filepath.Dir(file)
	for range tries {
		err := writeOnce(file, data, mode, uid, gid)
		if err == nil {
			slog.Debug("wrote file", "file", file)
			return SyncDir(dir)
		}
		// A process that wrote the file at the same moment removed this one's temporary file as a killed process's.
		if _, missing := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || missing != nil {
			return &fs.PathError{Op: "write", Path: file, Err: cause(err)}
		}
	}
	return &fs.PathError{Op: "write", Path: file, Err: errors.New("other processes keep replacing it")}
}

func writeOnce(file string, data []byte, mode fs.FileMode, uid, gid int) error {
	f, named, err := unnamed(file)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(data)
	if err == nil {
		// Only root may give a file away.
		if err = f.Chown(uid, gid); errors.Is(err, fs.ErrPermission) {
			err = nil
		}
	}
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil && !named {
		named, err = place(f, file)
	}
	if err == nil && named {
		err = os.Rename(Temporary(file), file)
	}
	if err != nil && named {
		_ = os.Remove(Temporary(file))
	}
	return err
}

// cause returns the error without the name of the file.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// Temporary returns the name that a replacement of the file has for a moment.
func Temporary(file string) string {
	return filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+"0")
}

// unnamed opens a new file in the directory of file: without a name or, where the file system does not support that, with
// the name of [Temporary].
func unnamed(file string) (f *os.File, named bool, err error) {
	dir := filepath.Dir(file)
	const private = 0o600
	f, err = os.OpenFile(dir, unix.O_TMPFILE|os.O_WRONLY, private)
	if err == nil {
		if err := os.Remove(Temporary(file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, false, errors.Join(err, f.Close())
		}
		return f, false, nil
	}
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) {
		return nil, false, err
	}
	for range tries {
		_ = os.Remove(Temporary(file))
		f, err = os.OpenFile(Temporary(file), os.O_CREATE|os.O_EXCL|os.O_WRONLY, private)
		if !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return f, true, err
}

// place gives the unnamed file its name or, where that is taken, the name of [Temporary].
func place(f *os.File, file string) (temporary bool, err error) {
	from := "/proc/self/fd/" + strconv.Itoa(int(f.Fd()))
	err = unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, file, unix.AT_SYMLINK_FOLLOW)
	if !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	_ = os.Remove(Temporary(file))
	err = unix.Linkat(unix.AT_FDCWD, from, unix.AT_FDCWD, Temporary(file), unix.AT_SYMLINK_FOLLOW)
	if errors.Is(err, fs.ErrExist) {
		err = fs.ErrNotExist // another process is writing: try again
	}
	return err == nil, err
}

// Remove removes the file so that it stays removed over a crash of the host, with the temporary file of a killed
// [WriteFile]. A missing file is no error.
func Remove(file string) error {
	_ = os.Remove(Temporary(file))
	err := os.Remove(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(file))
}

// SyncDir writes the directory's entries to the disk.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// ErrSymlink says that a file is a symbolic link, which is not followed.
var ErrSymlink = errors.New("it is a symbolic link, which kuke doesn't follow. Remove it, or put the file in its place")

// CheckPlain returns an error that wraps [ErrSymlink] when the file is a symbolic link. A missing file is no error.
func CheckPlain(file string) error {
	info, err := os.Lstat(file)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s: %w", file, ErrSymlink)
	}
	return nil
}

// OpenFile is [os.OpenFile] that follows no symbolic link at the end of the name: the error then wraps [ErrSymlink].
func OpenFile(file string, flag int, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(file, flag|unix.O_NOFOLLOW, mode)
	if errors.Is(err, unix.ELOOP) {
		if plain := CheckPlain(file); plain != nil {
			return nil, plain
		}
	}
	return f, err
}

// ReadFile is [os.ReadFile] with [OpenFile].
func ReadFile(file string) ([]byte, error) {
	f, err := OpenFile(file, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}
