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

// ProcessesDir holds a directory for each process that has something on the host which goes with it: a lease in containerd,
// or the fifos of a command. The process holds a lock on its directory, which the kernel drops when it dies, however it does.
const ProcessesDir = "/run/kukeon/processes"

// leaseLabel names the process that a lease belongs to, by its directory.
const leaseLabel = "kukeon.io/process"

// leaseLife bounds the life of a lease whose owner died on a host where no kuke command follows.
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
			return "", fmt.Errorf("make a directory for what goes with this process: %w", err)
		}
		p.dir = dir
	}
	return p.dir.Name(), nil
}

// close removes the directory and, where they are empty then, those that it is in.
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

// makePresence makes a directory with a lock on it. Somebody who tidies up meanwhile may take it, or the one it is in, for
// left over.
func makePresence() (*os.File, error) {
	for {
		name := filepath.Join(ProcessesDir, rand.Text())
		err := os.MkdirAll(name, 0o700)
		if errors.Is(err, fs.ErrNotExist) {
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

// isPresent reports whether the directory of a process is there.
func isPresent(dir string) bool {
	_, err := os.Lstat(dir)
	return err == nil
}

// removePresence removes a directory on which this process holds the lock.
func removePresence(dir *os.File) error {
	err := errors.Join(os.RemoveAll(dir.Name()), dir.Close())
	_ = os.Remove(ProcessesDir) // others may be in it
	_ = os.Remove(filepath.Dir(ProcessesDir))
	return Wrap(err, "remove the directory of a process")
}

// Directory returns the directory of this process, by which others see that it lives. Everything in it goes with the process.
func (c *Client) Directory() (string, error) { return c.presence.path() }

// Lease returns a context by which containerd keeps what is made from its garbage collector, until release is called, which
// with collect also has the collector run at once: after a failure it takes what was made so far. Every call of the client
// library that makes a lease by itself must be given such a context: its own could not be told from those of others. Where
// ctx has a lease, that one is used, and release does nothing.
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

// TidyUp removes what commands of kuke that were killed have left on the host: leases, with what only these kept, and fifos,
// with the processes that were run through them, which end ends: it is called with the directory of each process that was killed.
// What belongs to a command that runs stays.
func (c *Client) TidyUp(ctx context.Context, end func(dir string) error) error {
	err := removeDead(end)
	return errors.Join(err, c.removeDeadLeases(ctx))
}

// removeDead removes the directories of processes that have ended, each after a call of end. A process that is just making its
// own waits meanwhile.
func removeDead(end func(dir string) error) error {
	entries, err := os.ReadDir(ProcessesDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for what killed commands left: %w", err)
	}
	for _, entry := range entries {
		dir, openErr := os.Open(filepath.Join(ProcessesDir, entry.Name()))
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

// removeDeadLeases removes the leases whose processes have ended. A process makes its directory first.
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
			if isPresent(filepath.Join(ProcessesDir, lease.Labels[leaseLabel])) {
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
