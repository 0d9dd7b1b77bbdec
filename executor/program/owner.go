package program

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CheckOwned returns an error if another user than root can change or replace the file: through the file itself, the target of
// a symbolic link, or a directory above it.
func CheckOwned(path string) error {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("find %s: %w", path, err)
	}
	for _, start := range []string{path, resolved} {
		for at := filepath.Clean(start); ; at = filepath.Dir(at) {
			if why, err := writableBy(at); err != nil {
				return fmt.Errorf("inspect %s: %w", at, err)
			} else if why != "" {
				return fmt.Errorf("%s can be replaced by another user than root: %s %s", path, at, why)
			}
			if at == "/" {
				break
			}
		}
	}
	return nil
}

// writableBy returns the reason why another user than root can replace the file at path, or a file in that directory.
func writableBy(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	owner := info.Sys().(*syscall.Stat_t)
	mode := info.Mode()
	sticky := mode.IsDir() && mode&fs.ModeSticky != 0 // only the owner of a file can replace it there
	switch {
	case owner.Uid != 0:
		return fmt.Sprintf("belongs to user %d", owner.Uid), nil
	case mode&fs.ModeSymlink != 0 || sticky:
		return "", nil
	case mode.Perm()&0o002 != 0:
		return "may be written by everyone", nil
	case mode.Perm()&0o020 != 0 && owner.Gid != 0:
		return fmt.Sprintf("may be written by group %d", owner.Gid), nil
	}
	return "", nil
}
