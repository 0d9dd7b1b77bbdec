package remote

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// sessions is the directory of the directories of sessions, in memory.
const sessions = "/run/kukeon/host"

const (
	public      fs.FileMode = 0o755
	private     fs.FileMode = 0o700
	privateFile fs.FileMode = 0o600
)

// place is the directory of a session. It is locked while the session lasts, so that others can tell which ones a killed
// session has left.
type place struct {
	dir  string
	lock *os.File
}

// newPlace makes a directory, and removes those of killed sessions.
func newPlace() (*place, error) {
	removeDead()
	dir, err := makeOwn()
	for range makeTries {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		dir, err = makeOwn()
	}
	if err != nil {
		return nil, err
	}
	p := &place{dir: dir}
	if p.lock, err = os.Open(dir); err == nil {
		err = unix.Flock(int(p.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, os.Mkdir(p.root(), private)
}

// makeTries is how often another session may end in between, which removes the directory above if it is empty.
const makeTries = 10

func makeOwn() (string, error) {
	if err := os.MkdirAll(filepath.Dir(sessions), public); err != nil {
		return "", err
	}
	if err := os.Mkdir(sessions, private); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return os.MkdirTemp(sessions, "")
}

// root is the directory with the files of the caller.
func (p *place) root() string { return filepath.Join(p.dir, "files") }

// remove removes the directory, and those above that are empty.
func (p *place) remove() error {
	err := os.RemoveAll(p.dir)
	p.lock.Close()
	if os.Remove(sessions) == nil {
		_ = os.Remove(filepath.Dir(sessions)) // it may hold the files of others
	}
	return err
}

// removeDead removes the directories that nobody holds the lock of.
func removeDead() {
	entries, err := os.ReadDir(sessions)
	if err != nil {
		return // the session does without
	}
	for _, e := range entries {
		dir := filepath.Join(sessions, e.Name())
		f, err := os.Open(dir)
		if err != nil {
			continue
		}
		// One that was made a moment ago may not be locked yet, and is empty.
		if inside, err := f.Readdirnames(1); err == nil && len(inside) > 0 && unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			_ = os.RemoveAll(dir) // the next session tries again
		}
		f.Close()
	}
}

// fill writes the files of a request.
func (p *place) fill(r *Request) error {
	root, err := os.OpenRoot(p.root())
	if err != nil {
		return err
	}
	defer root.Close()
	dirs := []string{r.Caller.Dir}
	for _, f := range r.Outputs {
		dirs = append(dirs, filepath.Dir(f))
	}
	for _, dir := range dirs {
		if err := makeDir(root, dir); err != nil {
			return err
		}
	}
	for _, f := range r.Files {
		if err := writeFile(root, f); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	return nil
}

func makeDir(root *os.Root, dir string) error {
	if dir = inside(dir); dir == "." {
		return nil
	}
	return root.MkdirAll(dir, private)
}

// inside returns an absolute path as seen from the root directory.
func inside(path string) string {
	if path = strings.TrimPrefix(filepath.Clean(path), "/"); path == "" {
		return "."
	}
	return path
}

func writeFile(root *os.Root, f File) error {
	if err := makeDir(root, filepath.Dir(f.Path)); err != nil {
		return err
	}
	if f.Same != "" {
		target, err := filepath.Rel(filepath.Dir(f.Path), f.Same)
		if err != nil {
			return err
		}
		return root.Symlink(target, inside(f.Path))
	}
	file, err := root.OpenFile(inside(f.Path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(f.Data); err != nil {
		return err
	}
	if f.Size > int64(len(f.Data)) {
		return file.Truncate(f.Size)
	}
	return nil
}

// results returns the files of the request that the command has written.
func (p *place) results(r *Request) ([]result, error) {
	root, err := os.OpenRoot(p.root())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var results []result
	for i, path := range r.Outputs {
		data, err := root.ReadFile(inside(path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		results = append(results, result{i, data})
	}
	return results, nil
}
