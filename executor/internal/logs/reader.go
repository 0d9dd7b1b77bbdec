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

// Entry is a line of a container's output.
type Entry struct {
	// Time is the time of its beginning; zero in a file of another format.
	Time time.Time
	// Stream is stdout or stderr.
	Stream string
	Text   string
	// Missing, where not 0, is the number of full files that were removed here before they could be read. Then there is no line.
	Missing int
}

// ReadOptions select the lines to read.
type ReadOptions struct {
	// Tail is the number of existing lines to read, from the end; negative for all.
	Tail int
	// Since leaves out older lines.
	Since time.Time
	// Follow continues with new lines until the context ends.
	Follow bool
}

const (
	// followInterval is the interval at which a file is checked for new lines.
	followInterval = 100 * time.Millisecond
	// partialTime is the time that a follower waits for the end of a line that has begun.
	partialTime = time.Second
	// lastTime limits the last check of a follower after the end of its context.
	lastTime = time.Second
	// maxJoined is the maximum length of a joined line, in bytes; a longer line is read as several.
	maxJoined = 1 << 20
)

// Read calls f for the lines of the log in file, old files included, the oldest first. A missing log is empty; with Follow,
// Read waits for it. The last line needs no newline; a follower passes on the beginning of a line that stays without its end
// for a second. Read returns the error of f or, once the context ends, that of the context, after it has read all earlier
// lines.
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

// reader reads a log from its oldest file on, and then the lines added to the youngest.
type reader struct {
	chain *chain
	since time.Time
	emit  func(Entry) error

	f   *os.File
	buf *bufio.Reader
	// at is the offset in the file. number is the number of files before it, by their tags, -1 where no entry was read. begun
	// says that its first entry was read.
	at     int64
	number int
	begun  bool
	// raw is an entry whose end has not been written yet.
	raw []byte
	// part is a line whose end has not been written yet, for each stream.
	part map[string]*line
}

// line is the beginning of a line.
type line struct {
	at   time.Time
	text []byte
	// last is the time of its last entry; shown says that an earlier part of it has been read as a line.
	last  time.Time
	shown bool
}

// existing reads all existing lines, or the last ones.
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
		err = r.cut(0) // a begun line is one of the last, though it may continue
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
		// A file is complete once the next exists, and so is read to its end once more after that was seen.
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

// rewind returns to the beginning of a file that was truncated.
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

// entry reads one entry. Entries without a time are lines of a file of another format.
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

// end reads the beginning of a line as a whole line.
func (r *reader) end(stream string) error {
	l := r.part[stream]
	delete(r.part, stream)
	if l == nil || l.shown && len(l.text) == 0 {
		return nil
	}
	return r.line(Entry{Time: l.at, Stream: stream, Text: string(l.text)})
}

// flush reads the beginnings of lines of both streams as whole lines.
func (r *reader) flush() error { return errors.Join(r.end("stdout"), r.end("stderr")) }

// cut reads the beginnings of lines that got no entry for the time quiet as lines, and their rest as further lines.
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

// torn reads an entry without an end as a line: the last line of a file of another format, or the remains of a power cut.
func (r *reader) torn() error {
	if len(r.raw) == 0 {
		return nil
	}
	text := string(r.raw)
	r.raw = r.raw[:0]
	return r.line(Entry{Stream: "stdout", Text: text})
}

// finish reads lines without an end. An entry without an end is left out, as it may be in the process of being written, unless
// the file has another format.
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
