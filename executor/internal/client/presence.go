package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/errdefs"
)

// processesDir holds a directory for each process that owns something on the host which must end with it: a lease in
// containerd, or the FIFOs of a command. The process holds a lock on its directory, which the kernel releases when the
// process dies.
const processesDir = "/run/kukeon/processes"

// leaseLabel names the process that owns a lease, by its directory.
const leaseLabel = "kukeon.io/process"

// leaseLife limits the life of a lease whose owner died on a host where no kuke command follows.
const leaseLife = 24 * time.Hour

// presence is the directory of this process, made when it is first needed.
type presence struct {
	mu  sync.Mutex
	dir *os.File // locked
}

// path returns the directory.
func (p *presence) path() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dir == nil {
		dir, err := makePresence()
		if err != nil {
			return "", fmt.Errorf("make the directory of this process: %w", err)
		}
		p.dir = dir
	}
	return p.dir.Name(), nil
}

// close removes the directory, and those above it where they are empty then.
func (p *presence) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dir == nil {
		return nil
	}
	err := removePresence(p.dir)
	p.dir = nil
	return err
}

// makePresence makes a directory and locks it. A concurrent TidyUp may remove it, or the one above it, before it is locked.
func makePresence() (*os.File, error) {
	for {
		name := filepath.Join(processesDir, rand.Text())
		err := os.MkdirAll(name, 0o700)
		if errors.Is(err, fs.ErrNotExist) || madeMeanwhile(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		dir, err := os.Open(name)
		if err == nil {
			err = syscall.Flock(int(dir.Fd()), syscall.LOCK_EX)
		}
		if err == nil && isPresent(name) {
			return dir, nil
		}
		if dir != nil {
			_ = dir.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
}

// isPresent reports whether the directory of a process exists.
func isPresent(dir string) bool {
	_, err := os.Lstat(dir)
	return err == nil
}

// madeMeanwhile reports whether making a directory failed because another process made it at the same moment. That process may
// have removed it since.
func madeMeanwhile(err error) bool {
	failed := new(fs.PathError)
	if !errors.Is(err, fs.ErrExist) || !errors.As(err, &failed) {
		return false
	}
	info, err := os.Lstat(failed.Path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir()
}

// removePresence removes a directory that this process has locked.
func removePresence(dir *os.File) error {
	err := errors.Join(os.RemoveAll(dir.Name()), dir.Close())
	_ = os.Remove(processesDir) // others may be in it
	_ = os.Remove(filepath.Dir(processesDir))
	return Wrap(err, "remove the directory of a process")
}

// Directory returns the directory of this process, by which others see that it lives. Everything in it ends with the
// process.
func (c *Client) Directory() (string, error) { return c.presence.path() }

// Lease returns a context under which containerd keeps new content from its garbage collector until release is called. With
// collect, release also runs the collector at once: after a failure it removes everything made so far. Pass this context to
// every call of the client library that makes a lease by itself: kuke could not tell that lease from those of others. Where
// ctx has a lease, Lease uses it, and release does nothing.
func (c *Client) Lease(ctx context.Context) (leased context.Context, release func(collect bool) error, err error) {
	if _, has := leases.FromContext(ctx); has {
		return ctx, func(bool) error { return nil }, nil
	}
	dir, err := c.Directory()
	if err != nil {
		return ctx, nil, err
	}
	owner := filepath.Base(dir)
	lease, err := c.Containerd.LeasesService().Create(ctx, leases.WithID("kuke-"+owner+"-"+rand.Text()),
		leases.WithLabel(leaseLabel, owner), leases.WithExpiration(leaseLife))
	if err != nil {
		return ctx, nil, fmt.Errorf("make a lease: %w", err)
	}
	return leases.WithLease(ctx, lease.ID), func(collect bool) error {
		after, cancel := Afterwards(ctx)
		defer cancel()
		var opts []leases.DeleteOpt
		if collect {
			opts = append(opts, leases.SynchronousDelete)
		}
		return Wrap(Gone(c.Containerd.LeasesService().Delete(after, lease, opts...)), "remove a lease")
	}, nil
}

// TidyUp removes the leases and FIFOs of killed kuke commands from the host, with the content that only these leases kept.
// end ends the processes that were run through the FIFOs: it is called with the directory of each killed process.
// Everything that belongs to a running command stays.
func (c *Client) TidyUp(ctx context.Context, end func(dir string) error) error {
	err := removeDead(end)
	return errors.Join(err, c.removeDeadLeases(ctx))
}

// removeDead removes the directories of processes that have ended, each after a call of end. A process that is just making
// its own waits meanwhile.
func removeDead(end func(dir string) error) error {
	entries, err := os.ReadDir(processesDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the directories of processes: %w", err)
	}
	for _, entry := range entries {
		dir, openErr := os.Open(filepath.Join(processesDir, entry.Name()))
		if openErr != nil {
			continue // its process has just ended by itself
		}
		if syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			_ = dir.Close()
			continue
		}
		err = errors.Join(err, end(dir.Name()), removePresence(dir))
	}
	return err
}

// removeDeadLeases removes the leases whose processes have ended. A process makes its directory before its first lease.
func (c *Client) removeDeadLeases(ctx context.Context) error {
	all, err := c.Namespaces(ctx)
	if err != nil {
		return err
	}
	for ns := range all {
		found, err := c.Containerd.LeasesService().List(In(ctx, ns), fmt.Sprintf("labels.%q", leaseLabel))
		if err != nil {
			return fmt.Errorf("list leases of namespace %s: %w", ns, err)
		}
		for _, lease := range found {
			if isPresent(filepath.Join(processesDir, lease.Labels[leaseLabel])) {
				continue
			}
			err := c.Containerd.LeasesService().Delete(In(ctx, ns), lease, leases.SynchronousDelete)
			if err != nil && !errdefs.IsNotFound(err) {
				return fmt.Errorf("remove lease %s of namespace %s: %w", lease.ID, ns, err)
			}
		}
	}
	return nil
}
