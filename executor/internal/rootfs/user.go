package rootfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"
)

// FindUser looks up "user[:group]" in the user database of a root file system, which comes from the image or the container
// and is not trusted.
func FindUser(root, text string) (*user.ExecUser, error) {
	passwd, err := openInside(root, "etc/passwd")
	if err != nil {
		return nil, err
	}
	defer passwd.Close()
	group, err := openInside(root, "etc/group")
	if err != nil {
		return nil, err
	}
	defer group.Close()
	return user.GetExecUser(text, nil, passwd.reader(), group.reader())
}

// FindGroup looks up the name or the id of a group in the user database of a root file system. An id needs no entry.
func FindGroup(root, text string) error {
	group, err := openInside(root, "etc/group")
	if err != nil {
		return err
	}
	defer group.Close()
	_, err = user.GetAdditionalGroups([]string{text}, group.reader())
	return err
}

// insideFile is a file of a root file system, or an empty one.
type insideFile struct{ *os.File }

// maxUsers is the maximum size of a user database in bytes.
const maxUsers = 16 << 20

func (f insideFile) reader() io.Reader {
	if f.File == nil {
		return nil
	}
	return io.LimitReader(f.File, maxUsers)
}

func (f insideFile) Close() error {
	if f.File == nil {
		return nil
	}
	return f.File.Close()
}

// openInside opens a regular file for reading. Symbolic links are resolved inside the root file system, not at the root of the
// host. A missing file is no error.
func openInside(root, name string) (insideFile, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return insideFile{}, fmt.Errorf("open the root file system: %w", err)
	}
	defer unix.Close(dir)
	// Opening a pipe would block.
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if errors.Is(err, fs.ErrNotExist) {
		return insideFile{}, nil
	}
	if err != nil {
		return insideFile{}, fmt.Errorf("open /%s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return insideFile{}, errors.Join(fmt.Errorf("/%s: %w", name, err), f.Close())
	}
	return insideFile{f}, nil
}
