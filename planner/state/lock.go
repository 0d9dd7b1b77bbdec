package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/kukeon/kuke/planner/state/durable"
)

// lockPoll is the interval at which a waiting command tries the lock.
const lockPoll = 50 * time.Millisecond

// Holder is the command that holds the lock.
type Holder struct {
	PID     int       `json:"pid"`
	Command string    `json:"command"`
	User    string    `json:"user"`
	Since   time.Time `json:"since"`
}

// LockedError says that another command holds the lock.
type LockedError struct {
	File   string
	Holder *Holder // nil while the holder has not written it yet
	// Waited is the time that the command waited for it, zero if it did not wait.
	Waited time.Duration
}

// Error names the holder and the remedies.
func (e *LockedError) Error() string {
	locked, remedy := "the state is locked", "Wait for it, or use --lock-timeout"
	if e.Waited > 0 {
		locked, remedy = fmt.Sprintf("the state is still locked after %s", e.Waited), "Wait for it, or use a longer --lock-timeout"
	}
	by := "another kuke command"
	if h := e.Holder; h != nil {
		by = fmt.Sprintf("%q, pid %d, run by %s since %s", h.Command, h.PID, h.User, h.Since.Local().Format(time.DateTime))
	}
	return fmt.Sprintf("%s (%s) by %s. %s", locked, e.File, by, remedy)
}

// Lock is the right to change the state. The kernel drops it when the process ends.
type Lock struct {
	file *flock.Flock
}

// Acquire takes the lock of the state in dir, and creates dir where it is missing. While another command holds the lock,
// Acquire waits up to timeout and then returns a [*LockedError]; it returns ctx's error when ctx ends first.
func Acquire(ctx context.Context, dir string, timeout time.Duration) (*Lock, error) {
	name := filepath.Join(dir, lockName)
	deadline := time.Now().Add(timeout)
	for {
		lock, err := tryLock(dir, name)
		if lock != nil || err != nil {
			return lock, err
		}
		if time.Now().After(deadline) {
			return nil, &LockedError{File: name, Holder: readHolder(name), Waited: timeout}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("given up waiting for the lock of the state: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// tryLock returns nil and no error while another process holds the lock. It starts over where the last holder has removed
// the file or the directory in between.
func tryLock(dir, name string) (*Lock, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		if info, statErr := os.Lstat(dir); errors.Is(err, fs.ErrExist) && (statErr != nil || info.IsDir()) {
			return tryLock(dir, name) // it was created or removed at this moment
		}
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	file := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW), flock.SetPermissions(fileMode))
	locked, err := file.TryLock()
	if errors.Is(err, fs.ErrNotExist) {
		return tryLock(dir, name) // the last holder has just removed the directory
	}
	if plain := durable.CheckPlain(name); plain != nil {
		err = plain
	}
	if err != nil {
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	if !locked {
		_ = file.Close()
		return nil, nil
	}
	// The last holder may have removed the file after it was opened here: then this lock is on a file without a name.
	held, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	current, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(held, current) {
		_ = file.Close()
		return tryLock(dir, name)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	// On a full disk, commands that free space must still work: only messages of other commands need the holder.
	if err := writeHolder(name); err != nil && !errors.Is(err, syscall.ENOSPC) {
		_ = file.Close()
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	return &Lock{file: file}, nil
}

// outlasting are the files that a directory without a record may hold: those of the lock, and of package history, which stay.
var outlasting = []string{lockName, keyName, "history.jsonl", "history.jsonl.1", ".history"}

// Release drops the lock. Without a record in the directory it also removes the lock file, the key and the directory, unless
// that holds a history.
func (l *Lock) Release() error {
	dir := filepath.Dir(l.file.Path())
	entries, err := os.ReadDir(dir)
	if err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !slices.Contains(outlasting, e.Name()) }) {
		// No sealed value is left.
		if err := durable.Remove(filepath.Join(dir, keyName)); err != nil {
			return fmt.Errorf("remove the key of the state: %w", err)
		}
		if err := os.Remove(l.file.Path()); err != nil {
			return fmt.Errorf("remove the lock file: %w", err)
		}
		// The directory may be a mount point or hold a history, or another command may have just started: both are fine.
		_ = os.Remove(dir)
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release the lock of the state: %w", err)
	}
	return nil
}

// command returns the name and the verb of this command; other arguments may hold secrets.
func command() string {
	words := []string{filepath.Base(os.Args[0])}
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		words = append(words, os.Args[1])
	}
	return strings.Join(words, " ")
}

// userName returns the name of the user that runs this command.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

func writeHolder(file string) error {
	data, err := json.Marshal(Holder{PID: os.Getpid(), Command: command(), User: userName(), Since: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return err
	}
	f, err := durable.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}

func readHolder(name string) *Holder {
	data, err := durable.ReadFile(name)
	if err != nil {
		return nil
	}
	h := new(Holder)
	if json.Unmarshal(data, h) != nil {
		return nil
	}
	if err := syscall.Kill(h.PID, 0); errors.Is(err, syscall.ESRCH) {
		return nil // written by an earlier holder: the new one has not written it yet
	}
	return h
}

// CurrentHolder returns the command that holds the lock of the state in dir, or nil: also for a moment after it took the lock.
func CurrentHolder(dir string) *Holder { return readHolder(filepath.Join(dir, lockName)) }
