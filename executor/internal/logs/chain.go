package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/kukeon/kuke/planner/state/durable"
)

const (
	// maxAhead is the maximum number of unread full files that a follower keeps open. An open file takes space on the disk,
	// even when its name is removed.
	maxAhead = 32
	// lookInterval is the interval at which a follower looks for new files. A writer takes far longer to fill all files that
	// are kept.
	lookInterval = 50 * time.Millisecond
)

// chain holds the files of a log that are still to be read, the oldest first. They are open, so that a rotation does not
// remove them.
type chain struct {
	file string

	mu    sync.Mutex
	files []*os.File
	// last is the youngest file found so far.
	last os.FileInfo
	err  error
}

// look adds the files that were created since its last call.
func (c *chain) look() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if now, err := os.Stat(c.file); c.last != nil && (errors.Is(err, fs.ErrNotExist) || err == nil && os.SameFile(now, c.last)) {
		return nil
	}
	found, err := snapshot(c.file)
	if err != nil {
		c.err = err
		return err
	}
	known := slices.IndexFunc(found, func(f member) bool { return c.last != nil && os.SameFile(f.info, c.last) })
	for i, f := range found {
		if i <= known {
			_ = f.Close()
			continue
		}
		c.files, c.last = append(c.files, f.File), f.info
	}
	// The numbers of the files tell a slow reader how many are missing.
	for len(c.files) > maxAhead {
		_ = c.files[0].Close()
		c.files = c.files[1:]
	}
	return nil
}

// next returns the oldest of the files, or nil. The caller closes it.
func (c *chain) next() (*os.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.files) == 0 {
		return nil, c.err
	}
	f := c.files[0]
	c.files = c.files[1:]
	return f, nil
}

// empty reports whether next has returned all files.
func (c *chain) empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.files) == 0
}

// watch looks for new files until done is closed.
func (c *chain) watch(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-time.After(lookInterval):
			_ = c.look() // next returns the error
		}
	}
}

func (c *chain) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.files {
		_ = f.Close()
	}
	c.files = nil
}

// member is an open file of a log.
type member struct {
	*os.File
	info os.FileInfo
}

// snapshot opens the files that a log has at one moment, the oldest first. Once all are open it checks each name again: files
// only move to older names, so that a file which still has its name has had it all the time.
func snapshot(file string) ([]member, error) {
	for {
		names := Files(file)
		opened := make([]member, len(names))
		err := openAll(names, opened)
		same := err == nil && !slices.ContainsFunc(names, func(name string) bool {
			now, err := os.Stat(name)
			at := opened[slices.Index(names, name)]
			return (err == nil) != (at.File != nil) || err == nil && !os.SameFile(now, at.info)
		})
		if err == nil && same && slices.Equal(names, Files(file)) {
			return slices.DeleteFunc(opened, func(m member) bool { return m.File == nil }), nil
		}
		for _, m := range opened {
			if m.File != nil {
				_ = m.Close()
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

func openAll(names []string, into []member) error {
	for i, name := range names {
		f, err := durable.OpenFile(name, os.O_RDONLY, 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		into[i].File = f
		if into[i].info, err = f.Stat(); err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
	}
	return nil
}
