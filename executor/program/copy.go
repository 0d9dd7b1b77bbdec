package program

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/kukeon/kuke/planner/state/durable"
)

const (
	copyPrefix               = "kuke-"
	copyMode     fs.FileMode = 0o755
	copyDirMode  fs.FileMode = 0o755
	runningImage             = "/proc/self/exe"
)

// Trusted returns a program for records that make root run it later: the given one, which must be the running program, where
// only root can replace it, otherwise a copy in dir with the digest of the content in its name. Call it again for each use:
// it compares the copy with the digest, and writes it again where it differs.
func Trusted(path, dir string) (string, error) {
	unsafe := CheckOwned(path)
	if unsafe == nil {
		return path, nil
	}
	kept, err := keep(dir)
	if err != nil {
		return "", fmt.Errorf("%w, and root is to run it whenever a container is started: "+
			"a copy in %s can't be used instead: %w. Install kuke where only root may write, with install -m 755 %s /usr/local/bin/kuke",
			unsafe, dir, err, path)
	}
	return kept, nil
}

// keep writes the copy of the running program, whose file may have been replaced, unless it exists.
func keep(dir string) (string, error) {
	digest, err := ownDigest()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, copyDirMode); err != nil {
		return "", err
	}
	if err := CheckOwned(dir); err != nil {
		return "", err
	}
	file := filepath.Join(dir, copyPrefix+digest)
	if isCopy(file, digest) {
		return file, nil
	}
	data, err := os.ReadFile(runningImage)
	if err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	return file, durable.WriteFile(file, data, copyMode)
}

// ownDigest returns the digest of the running program, which can't change.
var ownDigest = sync.OnceValues(func() (string, error) {
	f, err := os.Open(runningImage)
	if err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	defer f.Close()
	return digestOf(f)
})

func digestOf(r io.Reader) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// isCopy reports whether the file has that content and only root can write it.
func isCopy(file, digest string) bool {
	if CheckOwned(file) != nil {
		return false
	}
	f, err := durable.OpenFile(file, os.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Mode() != copyMode {
		return false
	}
	have, err := digestOf(f)
	return err == nil && have == digest
}

// Tidy removes the copies in dir that used does not return, and dir with the last of them. It does not call used where there
// is no copy.
func Tidy(dir string, used func() (map[string]bool, error)) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find copies of kuke: %w", err)
	}
	named, err := used()
	if err != nil {
		return fmt.Errorf("find the users of copies of kuke: %w", err)
	}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		ours := strings.HasPrefix(strings.TrimPrefix(e.Name(), "."), copyPrefix) // a temporary one begins with a dot
		if !ours || named[file] {
			continue
		}
		if err := durable.Remove(file); err != nil {
			return fmt.Errorf("remove a copy of kuke: %w", err)
		}
	}
	_ = os.Remove(dir) // unless it holds other files
	return nil
}
