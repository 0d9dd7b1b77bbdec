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

// lockPoll is how often a waiting command looks whether the lock is free.
const lockPoll = 50 * time.Millisecond

// Holder tells who holds the lock.
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
}

// Error names the holder and the way out.
func (e *LockedError) Error() string {
	if e.Holder == nil {
		return fmt.Sprintf("the state is locked (%s) by another kuke command: wait for it, or use --lock-timeout", e.File)
	}
	return fmt.Sprintf("the state is locked (%s) by %q, pid %d, run by %s since %s: wait for it, or use --lock-timeout",
		e.File, e.Holder.Command, e.Holder.PID, e.Holder.User, e.Holder.Since.Local().Format(time.DateTime))
}

// Lock is the right to change the state. The kernel drops it when the process ends.
type Lock struct {
	file *flock.Flock
}

// Acquire takes the lock of the state in dir, making dir where it is missing. While another command holds
// it, Acquire waits up to timeout and then returns a [*LockedError]; it returns ctx's error when ctx ends first.
func Acquire(ctx context.Context, dir string, timeout time.Duration) (*Lock, error) {
	name := filepath.Join(dir, lockName)
	deadline := time.Now().Add(timeout)
	for {
		lock, err := tryLock(dir, name)
		if lock != nil || err != nil {
			return lock, err
		}
		if time.Now().After(deadline) {
			return nil, &LockedError{File: name, Holder: readHolder(name)}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("given up waiting for the lock of the state: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// tryLock returns nil and no error while another process holds the lock. It begins anew where the last holder
// took the file or the directory away under its hands.
func tryLock(dir, name string) (*Lock, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		if info, statErr := os.Lstat(dir); errors.Is(err, fs.ErrExist) && (statErr != nil || info.IsDir()) {
			return tryLock(dir, name) // it came or went in this very moment
		}
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	file := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW), flock.SetPermissions(fileMode))
	locked, err := file.TryLock()
	if errors.Is(err, fs.ErrNotExist) {
		return tryLock(dir, name) // whoever held the lock before has just taken the directory away
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
	// Whoever held the lock before may have removed the file after we opened it: then we hold a lock on
	// nothing, and try again.
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
	// On a full disk what frees some of it must go on: nobody but the message of others needs the name of the holder.
	if err := writeHolder(name); err != nil && !errors.Is(err, syscall.ENOSPC) {
		_ = file.Close()
		return nil, fmt.Errorf("lock the state: %w", err)
	}
	return &Lock{file: file}, nil
}

// Release drops the lock. If nothing is recorded in its directory any more it takes the lock file, the key and the
// directory away too.
func (l *Lock) Release() error {
	dir := filepath.Dir(l.file.Path())
	entries, err := os.ReadDir(dir)
	if err == nil && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() != lockName && e.Name() != keyName }) {
		// Nothing is left that was sealed with it.
		if err := durable.Remove(filepath.Join(dir, keyName)); err != nil {
			return fmt.Errorf("remove the key of the state: %w", err)
		}
		if err := os.Remove(l.file.Path()); err != nil {
			return fmt.Errorf("remove the lock file: %w", err)
		}
		// The directory may be a mount point, or another command may just have come: both are fine.
		_ = os.Remove(dir)
	}
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("release the lock of the state: %w", err)
	}
	return nil
}

// command returns the name and the verb of this command; its further arguments may hold secrets.
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
		return nil // left by an earlier holder; the new one has not written yet
	}
	return h
}
