// Package logs writes and reads what containers print.
//
// It is written by a small process of its own for each task, which containerd's shim starts and feeds, so that lines get
// the time at which they came and files stay small. The format is Kubernetes' (CRI):
//
//	2026-11-24T09:17:23.123456789Z stdout F a line
//
// with P in place of F for a line that goes on in the next entry. The package knows files, not containers.
package logs

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/kukeon/kuke/planner/state/durable"
)

const (
	// maxSize is how large a file may grow before the next one is begun.
	maxSize = 10 << 20
	// maxOld is how many old files are kept, with .1 for the youngest.
	maxOld = 2
	// maxLine is the longest piece of a line in one entry.
	maxLine = 16 << 10

	fileMode = 0o640
)

// writerArg is the first argument of a process that writes a log; the file follows.
const writerArg = "kuke-log-writer"

// The files that a shim gives the process.
const (
	stdoutFD = 3
	stderrFD = 4
	readyFD  = 5 // closed when the process is ready
)

// URI returns what tells containerd to have the program, which calls [Init], write the output of a task to the file.
func URI(program, file string) string {
	u := url.URL{Scheme: "binary", Path: program, RawQuery: url.Values{writerArg: {file}}.Encode()}
	return u.String()
}

// Init does the work of a process that writes a log and never returns, when this process is one; else it returns at
// once. It must run before the program does anything else.
func Init() {
	const args = 3
	if len(os.Args) != args || os.Args[1] != writerArg {
		return
	}
	// The process ends with its input: whoever ends the shim, or presses Ctrl-C, doesn't mean it.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE)
	_ = os.NewFile(readyFD, "ready").Close()
	Write(os.Args[2], os.NewFile(stdoutFD, "stdout"), os.NewFile(stderrFD, "stderr"))
	os.Exit(0)
}

// Write copies lines from both readers to the file until both end. What can't be written, to a full disk, is dropped:
// a container must never wait for its log.
func Write(file string, stdout, stderr io.Reader) {
	w := &writer{file: file}
	defer w.close()
	var both sync.WaitGroup
	both.Go(func() { w.copy("stdout", stdout) })
	both.Go(func() { w.copy("stderr", stderr) })
	both.Wait()
}

// writer appends entries to a file, and begins another one when it is full.
type writer struct {
	file string

	mu   sync.Mutex
	f    *os.File
	size int64
}

func (w *writer) copy(stream string, from io.Reader) {
	r := bufio.NewReaderSize(from, maxLine)
	for {
		piece, err := r.ReadSlice('\n')
		if len(piece) > 0 {
			w.write(stream, piece)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (w *writer) write(stream string, piece []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	tag := "P"
	if line, whole := bytes.CutSuffix(piece, []byte("\n")); whole {
		piece, tag = line, "F"
	}
	entry := time.Now().UTC().AppendFormat(nil, timeFormat)
	entry = append(entry, ' ')
	entry = append(entry, stream...)
	entry = append(entry, ' ', tag[0], ' ')
	entry = append(append(entry, piece...), '\n')
	if w.f != nil && w.size+int64(len(entry)) > maxSize {
		w.rotate()
	}
	if w.f == nil && !w.open() {
		return
	}
	n, _ := w.f.Write(entry)
	w.size += int64(n)
}

// timeFormat has all nine digits, so that entries sort as text.
const timeFormat = "2006-01-02T15:04:05.000000000Z07:00"

func (w *writer) open() bool {
	f, err := durable.OpenFile(w.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		return false
	}
	if info, err := f.Stat(); err == nil {
		w.size = info.Size()
	}
	w.f = f
	return true
}

func (w *writer) rotate() {
	w.close()
	for n := maxOld; n > 1; n-- {
		_ = os.Rename(old(w.file, n-1), old(w.file, n))
	}
	_ = os.Rename(w.file, old(w.file, 1))
}

func (w *writer) close() {
	if w.f != nil {
		_ = w.f.Close()
		w.f = nil
	}
}

// old returns the name of the n-th youngest of the full files.
func old(file string, n int) string { return file + "." + strconv.Itoa(n) }

// Files returns the names that the log in file may take up, the oldest first.
func Files(file string) []string {
	var all []string
	for n := maxOld; n > 0; n-- {
		all = append(all, old(file, n))
	}
	return append(all, file)
}
