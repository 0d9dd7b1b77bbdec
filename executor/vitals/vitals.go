// Package vitals publishes the health of containers in a file of /run, for the commands that show it. One process at a time keeps the
// file for a state. It holds a lock that the kernel drops with it: the file of a killed process doesn't count.
package vitals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// base is the directory with a directory for each state. Tests have another.
var base = "/run/kukeon/health"

const (
	fileName = "health.json"
	fileMode = 0o600
	dirMode  = 0o700
	// lockPoll is the interval at which [Keep] tries the lock.
	lockPoll = 200 * time.Millisecond
)

// Published is the content of the file.
type Published struct {
	Containers map[resource.Path]*plan.HealthStatus `json:"containers"`
}

// dirOf returns the directory of the state with the lineage.
func dirOf(lineage string) (string, error) {
	if err := uuid.Validate(lineage); err != nil {
		return "", fmt.Errorf("the lineage of the state: %w", err)
	}
	return filepath.Join(base, lineage), nil
}

// Keeper is the right to publish the health of the containers of a state.
type Keeper struct {
	dir  string
	lock *os.File // of dir
}

// Keep waits until no other process publishes the health of the containers of the state with the lineage. waiting is called once if
// it has to wait.
func Keep(ctx context.Context, lineage string, waiting func()) (*Keeper, error) {
	dir, err := dirOf(lineage)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	for told := false; ; {
		keeper, err := tryKeep(dir)
		if keeper != nil || err != nil {
			return keeper, err
		}
		// A command that reads the file holds the lock for a moment.
		if !told && time.Since(begin) > time.Second {
			told = true
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockPoll):
		}
	}
}

// tryKeep returns nil and no error while another process has the lock.
func tryKeep(dir string) (*Keeper, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("publish the health of containers: %w", err)
	}
	lock, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the last keeper has just removed it
	}
	if err != nil {
		return nil, fmt.Errorf("publish the health of containers: %w", err)
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil && sameFile(lock, dir) {
		return &Keeper{dir: dir, lock: lock}, nil
	}
	_ = lock.Close()
	if err == nil || errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	return nil, fmt.Errorf("lock %s: %w", dir, err)
}

// sameFile reports whether the open directory is still at the path.
func sameFile(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(open, now)
}

// Publish replaces the published health. Readers see the old or the new one, and never a part.
func (k *Keeper) Publish(p Published) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	// Nobody needs the file after a crash of the host: unlike files of the state, it is not synced.
	temporary := filepath.Join(k.dir, fileName+".new")
	if err := os.WriteFile(temporary, data, fileMode); err != nil {
		return fmt.Errorf("publish the health of containers: %w", err)
	}
	return os.Rename(temporary, filepath.Join(k.dir, fileName))
}

// Close removes the published health.
func (k *Keeper) Close() error {
	return errors.Join(remove(k.dir), k.lock.Close())
}

// remove removes the directory of a state, and those above it where they are empty. The caller holds its lock.
func remove(dir string) error {
	err := os.RemoveAll(dir)
	for above := filepath.Dir(dir); above != filepath.Dir(filepath.Dir(base)); above = filepath.Dir(above) {
		if os.Remove(above) != nil { // others need it
			break
		}
	}
	return err
}

// Read returns the published health for the state with the lineage, nil where no process keeps it up.
func Read(lineage string) (*Published, error) {
	dir, err := dirOf(lineage)
	if err != nil {
		return nil, nil // nothing is recorded
	}
	lock, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the health of containers: %w", err)
	}
	defer lock.Close()
	if unix.Flock(int(lock.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil {
		return nil, nil // its process is dead
	}
	data, err := os.ReadFile(filepath.Join(dir, fileName))
	if errors.Is(err, fs.ErrNotExist) {
		return &Published{}, nil // its process has just begun
	}
	if err != nil {
		return nil, fmt.Errorf("read the health of containers: %w", err)
	}
	published := new(Published)
	if err := json.Unmarshal(data, published); err != nil {
		return nil, fmt.Errorf("read the health of containers: %w", err)
	}
	return published, nil
}

// TidyUp removes the files of killed processes.
func TidyUp() error {
	entries, err := os.ReadDir(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		keeper, err := tryKeep(filepath.Join(base, entry.Name()))
		if keeper != nil {
			err = keeper.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
