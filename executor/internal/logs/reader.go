package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/kukeon/kuke/planner/state/durable"
)

// Entry is a line that a container printed.
type Entry struct {
	// Time is when it came; zero where the file doesn't tell.
	Time time.Time
	// Stream is stdout or stderr.
	Stream string
	Text   string
}

// ReadOptions say which lines to read.
type ReadOptions struct {
	// Tail is how many of the last lines there are to read; negative for all.
	Tail int
	// Since leaves out what is older.
	Since time.Time
	// Follow goes on with what comes, until the context ends.
	Follow bool
}

// followInterval is how often a file is looked at for what is new.
const followInterval = 100 * time.Millisecond

// Read calls f for the lines of the log in file, old files included, the oldest first. A log that isn't there is empty;
// with Follow it is waited for. It returns the error of f, or that of the context once it ends.
func Read(ctx context.Context, file string, o ReadOptions, f func(Entry) error) error {
	r := &reader{file: file, since: o.Since}
	lines, err := r.existing()
	if err != nil {
		return err
	}
	defer r.close()
	if o.Tail >= 0 && len(lines) > o.Tail {
		lines = lines[len(lines)-o.Tail:]
	}
	for {
		for _, e := range lines {
			if err := f(e); err != nil {
				return err
			}
		}
		if !o.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(followInterval):
		}
		if lines, err = r.more(); err != nil {
			return err
		}
	}
}

// reader reads a log from its oldest file on, and then what is added to the youngest.
type reader struct {
	file  string
	since time.Time
	f     *os.File
	buf   *bufio.Reader
	// part is a line of which the end has not come yet, for each stream; raw is an entry of which it hasn't.
	part map[string]string
	raw  []byte
}

// existing reads all there is. The youngest file stays open.
func (r *reader) existing() ([]Entry, error) {
	var all []Entry
	for _, name := range Files(r.file) {
		if err := r.open(name); errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		entries, err := r.rest()
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

// more reads what was added since: to the file that is open, and, if another one has taken its place, to that.
func (r *reader) more() ([]Entry, error) {
	entries, err := r.rest()
	if err != nil {
		return nil, err
	}
	now, err := os.Stat(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return entries, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	if r.f != nil {
		open, err := r.f.Stat()
		if err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		at, err := r.f.Seek(0, io.SeekCurrent)
		if err == nil && os.SameFile(open, now) && at <= now.Size() {
			return entries, nil
		}
		// What came between the last reading and the change of files.
		last, err := r.rest()
		if err != nil {
			return nil, err
		}
		entries = append(entries, last...)
	}
	if err := r.open(r.file); errors.Is(err, fs.ErrNotExist) {
		return entries, nil
	} else if err != nil {
		return nil, err
	}
	fresh, err := r.rest()
	return append(entries, fresh...), err
}

func (r *reader) open(name string) error {
	f, err := durable.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	r.close()
	r.f, r.buf = f, bufio.NewReaderSize(f, maxLine)
	if r.part == nil {
		r.part = map[string]string{}
	}
	return nil
}

func (r *reader) close() {
	if r.f != nil {
		_ = r.f.Close()
	}
}

// rest reads the whole lines up to the end of the open file.
func (r *reader) rest() ([]Entry, error) {
	var entries []Entry
	for r.f != nil {
		piece, err := r.buf.ReadSlice('\n')
		r.raw = append(r.raw, piece...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return entries, nil
		case err != nil:
			return nil, fmt.Errorf("read the log: %w", err)
		}
		if e, whole := r.entry(string(bytes.TrimSuffix(r.raw, []byte("\n")))); whole && !e.Time.Before(r.since) {
			entries = append(entries, e)
		}
		r.raw = r.raw[:0]
	}
	return entries, nil
}

// entry reads one line of the file. Lines without a time are those of a file of another format.
func (r *reader) entry(line string) (e Entry, whole bool) {
	fields := strings.SplitN(line, " ", 4)
	const all = 4
	if len(fields) == all && (fields[1] == "stdout" || fields[1] == "stderr") && (fields[2] == "F" || fields[2] == "P") {
		if at, err := time.Parse(time.RFC3339Nano, fields[0]); err == nil {
			text := r.part[fields[1]] + fields[3]
			if fields[2] == "P" {
				r.part[fields[1]] = text
				return Entry{}, false
			}
			delete(r.part, fields[1])
			return Entry{Time: at, Stream: fields[1], Text: text}, true
		}
	}
	return Entry{Stream: "stdout", Text: line}, true
}
