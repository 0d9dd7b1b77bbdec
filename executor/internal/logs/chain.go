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
	// maxAhead is how many full files a follower keeps open before it reads them. The disk can't give up the space of a
	// file that is open, even when its name is gone.
	maxAhead = 32
	// lookInterval is how often a follower looks for new files. A writer takes far longer to fill all that are kept.
	lookInterval = 50 * time.Millisecond
)

// chain holds the files of a log that are still to be read, the oldest first. A writer that rotates takes none of them
// away, for they are open.
type chain struct {
	file string

	mu    sync.Mutex
	files []*os.File
	// last is the youngest file that was found so far.
	last os.FileInfo
	err  error
}

// look adds the files that came since it was called last.
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
	// Whoever reads so slowly has to be told what is missing: see the numbers of files.
	for len(c.files) > maxAhead {
		_ = c.files[0].Close()
		c.files = c.files[1:]
	}
	return nil
}

// next returns the oldest of the files, or nil, and leaves it to the caller.
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

// empty reports whether there is no file but the one that next returned last.
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
			_ = c.look() // the error stays for next
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

// snapshot opens the files that a log has at one moment, the oldest first. Each name is looked at again once all are open:
// a file only ever moves on to the next name, so that one which is still where it was has been there all the time.
func snapshot(file string) ([]member, error) {
	names := Files(file)
	for {
		opened := make([]member, len(names))
		err := openAll(names, opened)
		same := err == nil && !slices.ContainsFunc(names, func(name string) bool {
			now, err := os.Stat(name)
			at := opened[slices.Index(names, name)]
			return (err == nil) != (at.File != nil) || err == nil && !os.SameFile(now, at.info)
		})
		if err == nil && same {
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
