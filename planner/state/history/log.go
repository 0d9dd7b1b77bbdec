package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kukeon/kuke/planner/state/durable"
)

const (
	// fileName is the file of the lines, olderName the one before it.
	fileName  = "history.jsonl"
	olderName = fileName + ".1"
	// dirName is the directory of plans and configurations. No realm can have this name.
	dirName = ".history"

	fileMode fs.FileMode = 0o640

	beginEvent = "begin"
	endEvent   = "end"
)

// maxSize is the size in bytes from which the file is rotated before the next entry.
const maxSize = 4 << 20

// maxNumber is the highest number of an entry: JSON has it in every language.
const maxNumber = 1 << 53

// Log is the history of the state in a directory.
type Log struct {
	dir string
	// maxSize is the size of a full file, in bytes.
	maxSize int64
}

// New returns the history in the directory of a state.
func New(dir string) *Log { return &Log{dir: dir, maxSize: maxSize} }

func (l *Log) file() string { return filepath.Join(l.dir, fileName) }

// beginLine and endLine are the two lines of an entry.
type beginLine struct {
	Event string `json:"event"`
	Begin
}

type endLine struct {
	Event  string    `json:"event"`
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
	End
}

// Begin appends the first line of an entry under the next number, which it returns, after the plan that will be carried out, nil for none.
// When it returns nil both outlive a crash of the host.
func (l *Log) Begin(b Begin, plan []byte) (uint64, error) {
	number, err := l.next()
	if err != nil {
		return 0, fmt.Errorf("write the history: %w", err)
	}
	b.Number = number
	if b.Planned == nil {
		b.Planned = Counts{}
	}
	if plan != nil {
		if err := l.keepPlan(number, plan); err != nil {
			return 0, fmt.Errorf("write the history: %w", err)
		}
	}
	if err := l.rotate(); err != nil {
		return 0, fmt.Errorf("write the history: %w", err)
	}
	if err := l.append(beginLine{beginEvent, b}); err != nil {
		return 0, fmt.Errorf("write the history: %w", err)
	}
	return number, nil
}

// End appends the second line of an entry.
func (l *Log) End(number uint64, at time.Time, e End) error {
	if err := l.append(endLine{endEvent, number, at, e.bounded()}); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}

// next returns the number of the next entry. Files that were deleted don't bring a number back that a plan still has.
func (l *Log) next() (uint64, error) {
	entries, _, err := l.Read()
	if err != nil {
		return 0, err
	}
	last := uint64(0)
	for i := range entries {
		last = max(last, entries[i].Number)
	}
	for _, k := range l.kept() {
		last = max(last, k.number)
	}
	return last + 1, nil
}

// rotate makes room: a full file becomes the older one.
func (l *Log) rotate() error {
	info, err := os.Lstat(l.file())
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() < l.maxSize {
		return nil
	}
	if err != nil {
		return err
	}
	if err := os.Rename(l.file(), filepath.Join(l.dir, olderName)); err != nil {
		return err
	}
	return durable.SyncDir(l.dir)
}

// append writes one line, in one piece.
func (l *Log) append(line any) (err error) {
	data, err := json.Marshal(line)
	if err != nil {
		return err
	}
	f, err := durable.OpenFile(l.file(), os.O_RDWR|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, created, err := repair(f)
	if err != nil {
		return err
	}
	if created {
		if err := f.Chmod(fileMode); err != nil { // whatever the umask
			return err
		}
	}
	if _, err := f.Write(append(data, '\n')); err != nil {
		return errors.Join(err, f.Truncate(size)) // no half line, as on a full disk
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if created {
		return durable.SyncDir(l.dir)
	}
	return nil
}

// repair ends a file with a whole line: the part of a line that a power cut has left is removed. It returns the size of the
// file, and whether it is a new one.
func repair(f *os.File) (size int64, created bool, err error) {
	size, err = f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return size, true, err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil || last[0] == '\n' {
		return size, false, err
	}
	data := make([]byte, size)
	if _, err := f.ReadAt(data, 0); err != nil {
		return 0, false, err
	}
	end := int64(bytes.LastIndexByte(data, '\n') + 1)
	return end, false, f.Truncate(end)
}

// Read returns the entries, the oldest first, and the number of lines that can't be read. The last line does not count as long
// as it has no end.
func (l *Log) Read() (entries []Entry, unreadable int, err error) {
	at := map[uint64]int{}
	for _, name := range []string{olderName, fileName} {
		data, err := durable.ReadFile(filepath.Join(l.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read the history: %w", err)
		}
		for text := range strings.Lines(string(data)) {
			if strings.HasSuffix(text, "\n") && !add(&entries, at, []byte(text)) {
				unreadable++
			}
		}
	}
	return entries, unreadable, nil
}

// add adds the line of an entry to the entries, whose places at holds by their number. It reports whether it is one.
func add(entries *[]Entry, at map[uint64]int, line []byte) bool {
	var head struct {
		Event  string `json:"event"`
		Number uint64 `json:"number"`
	}
	if json.Unmarshal(line, &head) != nil || head.Number == 0 || head.Number > maxNumber {
		return false
	}
	i, begun := at[head.Number]
	switch {
	case head.Event == beginEvent && !begun:
		e := Entry{End: End{Outcome: Unfinished, Done: Counts{}, Failed: []Failure{}}}
		if json.Unmarshal(line, &e.Begin) != nil {
			return false
		}
		at[head.Number] = len(*entries)
		*entries = append(*entries, e)
	case head.Event == endEvent && begun:
		var end End
		if json.Unmarshal(line, &end) != nil {
			return false
		}
		(*entries)[i].End = end
	case head.Event == endEvent:
		// Its first line was in a file that is gone.
	default:
		return false
	}
	return true
}

// Find returns the entry of the number.
func (l *Log) Find(number uint64) (*Entry, error) {
	entries, _, err := l.Read()
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if entries[i].Number == number {
			return &entries[i], nil
		}
	}
	switch n := len(entries); {
	case n == 0:
		return nil, fmt.Errorf("there is no entry %d in the history: nothing has been applied here", number)
	case number < entries[0].Number:
		return nil, fmt.Errorf("entry %d of the history is no longer kept: the oldest one is %d", number, entries[0].Number)
	default:
		return nil, fmt.Errorf("there is no entry %d in the history: the last one is %d. kuke history lists them", number, entries[n-1].Number)
	}
}
