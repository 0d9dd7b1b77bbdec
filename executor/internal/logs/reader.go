package logs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// Entry is a line that a container printed.
type Entry struct {
	// Time is when its beginning came; zero where the file doesn't tell.
	Time time.Time
	// Stream is stdout or stderr.
	Stream string
	Text   string
	// Missing, where not 0, says that this is no line: so many full files were removed here before they could be read.
	Missing int
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

const (
	// followInterval is how often a file is looked at for what is new.
	followInterval = 100 * time.Millisecond
	// partialTime is how long a follower waits for the end of a line that it has the beginning of.
	partialTime = time.Second
	// lastTime bounds the last look of a follower once its context has ended.
	lastTime = time.Second
	// maxJoined is how much of a line is joined, in bytes; one that is longer is read as several.
	maxJoined = 1 << 20
)

// Read calls f for the lines of the log in file, old files included, the oldest first. A log that isn't there is empty;
// with Follow it is waited for. What was printed last without a newline is a line too; a follower shows the beginning of
// a line that stays without its end for a second. It returns the error of f, or that of the context once it ends: what had
// come until then has been read.
func Read(ctx context.Context, file string, o ReadOptions, f func(Entry) error) error {
	c := &chain{file: file}
	defer c.close()
	if err := c.look(); err != nil {
		return err
	}
	r := &reader{chain: c, since: o.Since, emit: f, number: -1, part: map[string]*line{}}
	defer r.close()
	if err := r.existing(ctx, o); err != nil || !o.Follow {
		return err
	}
	done := make(chan struct{})
	defer close(done)
	go c.watch(done)
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTime)
			defer cancel()
			if err := errors.Join(c.look(), r.advance(last)); err != nil && last.Err() == nil {
				return err
			}
			return errors.Join(r.finish(), ctx.Err())
		case <-time.After(followInterval):
		}
		if err := r.advance(ctx); err != nil {
			return err
		}
		if err := r.cut(partialTime); err != nil {
			return err
		}
	}
}

// reader reads a log from its oldest file on, and then what is added to the youngest.
type reader struct {
	chain *chain
	since time.Time
	emit  func(Entry) error

	f   *os.File
	buf *bufio.Reader
	// at is how far the file was read; number is how many there were before it, as far as they tell, -1 where none was
	// read; and begun says that its first entry was.
	at     int64
	number int
	begun  bool
	// raw is an entry of which the end has not come yet.
	raw []byte
	// part is a line of which the end has not come yet, for each stream.
	part map[string]*line
}

// line is the beginning of a line.
type line struct {
	at   time.Time
	text []byte
	// last is when the last of it came; shown says that there was more before it, which has been read as a line.
	last  time.Time
	shown bool
}

// existing reads all there is, or its last lines.
func (r *reader) existing(ctx context.Context, o ReadOptions) error {
	if o.Tail < 0 {
		if err := r.advance(ctx); err != nil || o.Follow {
			return err
		}
		return r.finish()
	}
	f := r.emit
	var lines []Entry
	r.emit = func(e Entry) error {
		if lines = append(lines, e); len(lines) > 2*o.Tail {
			lines = slices.Delete(lines, 0, len(lines)-o.Tail)
		}
		return nil
	}
	err := r.advance(ctx)
	switch {
	case err != nil:
	case o.Follow:
		err = r.cut(0) // it is one of the last lines, though it may go on
	default:
		err = r.finish()
	}
	r.emit = f
	if err != nil {
		return err
	}
	for _, e := range lines[max(0, len(lines)-o.Tail):] {
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// advance reads up to the end of the youngest file.
func (r *reader) advance(ctx context.Context) error {
	for {
		// A file that another one follows is complete: so it is read to its end once more after the next was seen.
		youngest := r.chain.empty()
		if err := r.rest(ctx); err != nil {
			return err
		}
		if youngest {
			return r.rewind()
		}
		f, err := r.chain.next()
		if err != nil {
			return err
		}
		if err := r.torn(); err != nil {
			return err
		}
		r.close()
		r.f, r.buf, r.at, r.begun = f, bufio.NewReaderSize(f, maxLine), 0, false
	}
}

// rewind goes back to the beginning of a file that somebody has emptied.
func (r *reader) rewind() error {
	if r.f == nil {
		return nil
	}
	info, err := r.f.Stat()
	if err == nil && info.Size() < r.at {
		_, err = r.f.Seek(0, io.SeekStart)
		r.buf.Reset(r.f)
		r.at, r.raw = 0, r.raw[:0]
	}
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	return nil
}

func (r *reader) close() {
	if r.f != nil {
		_ = r.f.Close()
	}
}

// rest reads the whole entries up to the end of the open file.
func (r *reader) rest(ctx context.Context) error {
	for r.f != nil {
		piece, err := r.buf.ReadSlice('\n')
		r.at += int64(len(piece))
		r.raw = append(r.raw, piece...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the log: %w", err)
		}
		err = r.entry(bytes.TrimSuffix(r.raw, []byte("\n")))
		r.raw = r.raw[:0]
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entry reads one entry. Those without a time are lines of a file of another format.
func (r *reader) entry(text []byte) error {
	e, ok := parse(text)
	if !ok {
		return r.line(Entry{Stream: "stdout", Text: string(text)})
	}
	if !r.begun {
		r.begun = true
		before := r.number
		r.number = e.number
		if missing := e.number - before - 1; before >= 0 && missing > 0 {
			if err := errors.Join(r.flush(), r.emit(Entry{Missing: missing})); err != nil {
				return err
			}
		}
		e.run = e.run || e.number != before+1
	}
	if e.run {
		if err := r.flush(); err != nil {
			return err
		}
	}
	begun := r.part[e.stream]
	if begun == nil {
		if !e.partial {
			return r.line(Entry{Time: e.at, Stream: e.stream, Text: string(e.text)})
		}
		begun = &line{at: e.at}
		r.part[e.stream] = begun
	}
	if begun.shown && len(begun.text) == 0 {
		begun.at = e.at
	}
	begun.text, begun.last = append(begun.text, e.text...), e.at
	if e.partial && len(begun.text) < maxJoined {
		return nil
	}
	return r.end(e.stream)
}

// end reads a line that there is the beginning of as a whole one.
func (r *reader) end(stream string) error {
	l := r.part[stream]
	delete(r.part, stream)
	if l == nil || l.shown && len(l.text) == 0 {
		return nil
	}
	return r.line(Entry{Time: l.at, Stream: stream, Text: string(l.text)})
}

// flush ends the lines that there are the beginnings of.
func (r *reader) flush() error { return errors.Join(r.end("stdout"), r.end("stderr")) }

// cut reads the beginnings of lines of which nothing came for so long as lines, and what comes of them as others.
func (r *reader) cut(quiet time.Duration) error {
	for stream, l := range r.part {
		if len(l.text) == 0 || time.Since(l.last) < quiet {
			continue
		}
		if err := r.end(stream); err != nil {
			return err
		}
		r.part[stream] = &line{at: l.last, last: l.last, shown: true}
	}
	return nil
}

// torn reads what there is of an entry without an end as it is. That is the last line of a file of another format, or what
// a power cut left.
func (r *reader) torn() error {
	if len(r.raw) == 0 {
		return nil
	}
	text := string(r.raw)
	r.raw = r.raw[:0]
	return r.line(Entry{Stream: "stdout", Text: text})
}

// finish reads what has no end as what it is. An entry of which the end is missing may just be being written.
func (r *reader) finish() error {
	err := r.flush()
	if !r.begun {
		err = errors.Join(err, r.torn())
	}
	return err
}

func (r *reader) line(e Entry) error {
	if e.Time.Before(r.since) {
		return nil
	}
	return r.emit(e)
}
