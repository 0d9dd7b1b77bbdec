// Package logs writes and reads the output of containers.
//
// A small process for each task writes it, which containerd's shim starts and feeds, so that lines get the time of their
// output and files stay small. The format is Kubernetes' (CRI):
//
//	2026-11-24T09:17:23.123456789Z stdout F a line
//
// with P in place of F for a line that continues in the next entry. Tags may follow a colon: ":run" at the first entry of a
// writer that continues the file of another, so that no line continues across it, and ":file=N" at the first entry of a file
// that follows N others. A file beside a log may record the exit of the task. The package knows files, and no property of a
// container but its exit.
package logs

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

const (
	// maxLine is the maximum length of a piece of a line in one entry, in bytes.
	maxLine = 16 << 10
	// quietTime is the time that the beginning of a line waits for its end before it is written.
	quietTime = 100 * time.Millisecond

	fileMode = 0o640
)

// The tags behind F and P.
const (
	runTag  = ":run"
	fileTag = ":file="
)

// writerArg is the first argument of a process that writes a log, and noterArg of one that also records its task's exit; the
// file follows.
const (
	writerArg = "kuke-log-writer"
	noterArg  = "kuke-log-and-exit-writer"
)

// IsWriter reports whether a process with these arguments writes a log.
func IsWriter(args []string) bool {
	const all = 3
	return len(args) == all && (args[1] == writerArg || args[1] == noterArg)
}

// The file descriptors that a shim gives the process.
const (
	stdoutFD = 3
	stderrFD = 4
	readyFD  = 5 // closed when the process is ready
)

// URI returns the URI that makes containerd run the program, which calls [Init], to write the output of a task to the file
// and, with noteExit, record its exit for [ReadExit].
func URI(program, file string, noteExit bool) string {
	arg := writerArg
	if noteExit {
		arg = noterArg
	}
	u := url.URL{Scheme: "binary", Path: program, RawQuery: url.Values{arg: {file}}.Encode()}
	return u.String()
}

// Init writes the log and never returns when this is a process that writes a log; else it returns at once. The program must
// call it first.
func Init() {
	if !IsWriter(os.Args) {
		return
	}
	// The process ends with its input: signals to the shim or from Ctrl-C are not meant for it.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	w := newWriter(os.Args[2])
	w.learn(time.Now())
	w.open() // before the task exists, which may be moved or removed at any time
	_ = os.NewFile(readyFD, "ready").Close()
	noter := newExitNoter(w.place)
	if os.Args[1] == noterArg {
		go noter.note(awaitExit)
	}
	w.write(os.NewFile(stdoutFD, "stdout"), os.NewFile(stderrFD, "stderr"))
	noter.mu.Lock() // for good: a record in progress is complete
	os.Exit(0)
}

// Write copies lines from both readers to the file until both end. The beginning of a line is written when its end does not
// come within a moment: it may be the last output of a container, which stays open until the task is removed. Lines that
// can't be written, to a full disk, are dropped: a container must never wait for its log.
func Write(file string, stdout, stderr io.Reader) {
	newWriter(file).write(stdout, stderr)
}

// writer appends entries to a file, and begins the next file when it is full.
type writer struct {
	file string

	mu   sync.Mutex
	f    *os.File
	size int64
	// number is the number of files before the present one, by their tags; tag is for the next entry.
	number int
	tag    string

	Settings
	// learnt is the time at which the settings were last read.
	learnt time.Time
}

func newWriter(file string) *writer { return &writer{file: file, Settings: defaults} }

func (w *writer) write(stdout, stderr io.Reader) {
	defer w.close()
	if w.f == nil {
		w.open()
	}
	var both sync.WaitGroup
	both.Go(func() { w.copy(&stream{name: "stdout"}, stdout) })
	both.Go(func() { w.copy(&stream{name: "stderr"}, stderr) })
	both.Wait()
}

// stream is the standard output or the standard error of a container. The lock of its writer guards it.
type stream struct {
	name string
	// rest is the unwritten part of a line; begun says that an entry of the line has been written.
	rest  []byte
	begun bool
	// flush writes the rest; new input stops it.
	flush *time.Timer
}

func (w *writer) copy(s *stream, from io.Reader) {
	buf := make([]byte, maxLine)
	for {
		n, err := from.Read(buf)
		w.take(s, buf[:n], err != nil)
		if err != nil {
			return
		}
	}
}

// take writes the lines that data completes. The rest waits a moment for its end, or is written as the last line of the
// stream.
func (w *writer) take(s *stream, data []byte, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.flush != nil {
		s.flush.Stop()
	}
	for len(data) > 0 {
		line, after, whole := bytes.Cut(data, []byte("\n"))
		if room := maxLine - len(s.rest); len(line) > room {
			s.rest, data = append(s.rest, data[:room]...), data[room:]
			w.entry(s, false)
			continue
		}
		s.rest, data = append(s.rest, line...), after
		if whole {
			w.entry(s, true)
		}
	}
	switch {
	case last && (s.begun || len(s.rest) > 0):
		w.entry(s, true)
	case len(s.rest) == 0:
	case s.flush == nil:
		s.flush = time.AfterFunc(quietTime, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			// A timer that could not be stopped in time is early, which does no harm.
			if len(s.rest) > 0 {
				w.entry(s, false)
			}
		})
	default:
		s.flush.Reset(quietTime)
	}
}

// entry writes the rest of a stream; whole says that the line ends with it.
func (w *writer) entry(s *stream, whole bool) {
	now := time.Now()
	w.learn(now)
	if whole && w.Terminal {
		s.rest = bytes.TrimSuffix(s.rest, []byte("\r"))
	}
	switch w.Driver {
	case resource.LogNone:
		s.rest, s.begun = s.rest[:0], !whole
		return
	case resource.LogJournald:
		w.journal(s, whole)
		s.rest, s.begun = s.rest[:0], !whole
		return
	}
	tag := byte('P')
	if whole {
		tag = 'F'
	}
	const around = 64 // bytes for the time, the stream and the tags
	if w.f != nil && w.size > 0 && w.size+int64(len(s.rest))+around > w.MaxSize {
		w.rotate()
	}
	if w.f != nil || w.open() {
		entry := now.UTC().AppendFormat(nil, timeFormat)
		entry = append(entry, ' ')
		entry = append(entry, s.name...)
		entry = append(entry, ' ', tag)
		entry = append(append(entry, w.tag...), ' ')
		entry = append(append(entry, s.rest...), '\n')
		n, err := w.f.Write(entry)
		w.size += int64(n)
		if err == nil {
			w.tag = ""
		}
	}
	s.rest, s.begun = s.rest[:0], !whole
}

// timeFormat has all nine digits, so that entries sort as text.
const timeFormat = "2006-01-02T15:04:05.000000000Z07:00"

func (w *writer) open() bool {
	f, err := durable.OpenFile(w.file, os.O_CREATE|os.O_RDWR|os.O_APPEND, fileMode)
	if err != nil {
		return false
	}
	w.f, w.size = f, 0
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		w.size = info.Size()
	}
	switch {
	case w.size > 0:
		w.number = numberOf(f)
		w.tag = runTag
		w.endEntry()
	case w.number == 0:
		// A killed writer may have rotated the files without beginning the next one.
		if before, err := durable.OpenFile(old(w.file, 1), os.O_RDONLY, 0); err == nil {
			w.number = numberOf(before) + 1
			_ = before.Close()
		}
	}
	if w.size == 0 && w.number > 0 {
		w.tag = fileTag + strconv.Itoa(w.number)
	}
	return true
}

// endEntry ends an entry that a power cut or a full disk has left without its end, so that the next is no part of it.
func (w *writer) endEntry() {
	var last [1]byte
	if _, err := w.f.ReadAt(last[:], w.size-1); err == nil && last[0] != '\n' {
		n, _ := w.f.Write([]byte("\n"))
		w.size += int64(n)
	}
}

// rotate renames the full files, unless another writer has done so.
func (w *writer) rotate() {
	w.follow()
	mine, err := w.f.Stat()
	now, nowErr := os.Stat(w.file)
	w.close()
	if err != nil || nowErr != nil || !os.SameFile(mine, now) {
		return
	}
	kept := w.MaxFiles - 1
	for n := kept; n > 1; n-- {
		_ = os.Rename(old(w.file, n-1), old(w.file, n))
	}
	for n := numberedFiles(w.file); n > kept; n-- {
		_ = os.Remove(old(w.file, n))
	}
	if kept > 0 && os.Rename(w.file, old(w.file, 1)) == nil || kept == 0 && os.Remove(w.file) == nil {
		w.number++
	}
}

// place returns the present name of the file.
func (w *writer) place() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f != nil {
		w.follow()
	}
	return w.file
}

// follow updates the name of a file that was moved with its container. A full file has another ending.
func (w *writer) follow() {
	name, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(int(w.f.Fd())))
	if err == nil && filepath.Ext(name) == filepath.Ext(w.file) {
		w.file = name
	}
}

func (w *writer) close() {
	if w.f != nil {
		_ = w.f.Close()
		w.f = nil
	}
}

// old returns the name of the n-th youngest of the full files.
func old(file string, n int) string { return file + "." + strconv.Itoa(n) }

// numberedFiles returns the highest number of an old file of the log, 0 if there is none.
func numberedFiles(file string) int {
	entries, _ := os.ReadDir(filepath.Dir(file))
	highest := 0
	for _, e := range entries {
		if end, ok := strings.CutPrefix(e.Name(), filepath.Base(file)+"."); ok {
			if n, err := strconv.Atoi(end); err == nil {
				highest = max(highest, n)
			}
		}
	}
	return highest
}

// Files returns the names of the files of the log in file, the oldest first.
func Files(file string) []string {
	var all []string
	for n := numberedFiles(file); n > 0; n-- {
		all = append(all, old(file, n))
	}
	return append(all, file)
}
