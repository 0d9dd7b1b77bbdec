package remote

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Streams are the standard files of the caller.
type Streams struct {
	// Stdin is the input of the command, nil if it takes none.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Keyboard is the terminal whose keys go to the command one by one, nil if there is none.
	Keyboard *os.File
}

// Result is the outcome of a command.
type Result struct {
	// Code is the exit status.
	Code int
	// Files are the contents of the files that it wrote, by their paths in [Request.Outputs].
	Files map[string][]byte
}

// patience is how long the host has after the second Ctrl-C to end the command, which ends it within two seconds.
const patience = 5 * time.Second

// giveUps is the number of Ctrl-C, each without an answer of the host, that ends the wait for it.
const giveUps = 3

// exitInterrupted is the exit status of kuke where it ends without an answer.
const exitInterrupted = 130

// remoteRun is a command while it runs.
type remoteRun struct {
	*Connection
	frames  *frameWriter
	streams Streams
	request *Request
	result  Result
	// credit tells of further bytes of input that the host takes.
	credit chan int
	// silent counts the Ctrl-C on the keyboard since the last frame of the host.
	silent  atomic.Int32
	restore func()
	done    chan struct{}
}

// Run runs the command of the request, once for a connection, and returns its result. Signals of this process go to the command.
func (c *Connection) Run(r *Request, s Streams) (Result, error) {
	run := &remoteRun{
		Connection: c, frames: &frameWriter{w: c.ssh.in}, streams: s, request: r, result: Result{Files: map[string][]byte{}},
		credit: make(chan int, window), restore: func() {}, done: make(chan struct{}),
	}
	defer run.watchSignals()()
	defer func() { run.restore() }()
	defer close(run.done)
	if err := run.frames.writeJSON(frameRequest, r); err != nil {
		return run.result, run.lost(err)
	}
	for {
		t, content, err := readFrame(c.ssh.out)
		if err != nil {
			return run.result, run.lost(err)
		}
		run.silent.Store(0)
		ended, err := run.frame(t, content)
		if ended || err != nil {
			c.ssh.wait()
			return run.result, err
		}
	}
}

// lost returns the error of a connection that has ended before the command.
func (r *remoteRun) lost(err error) error {
	code := r.ssh.wait()
	if code == sshLost || errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) {
		return fmt.Errorf("the connection to %s was lost: the command there finishes its running changes and starts no others. Run kuke plan to see the rest", r.host)
	}
	return fmt.Errorf("talk to %s: %w", r.host, err)
}

// frame takes a frame of the host. ended says that it was the last one.
func (r *remoteRun) frame(t frameType, content []byte) (ended bool, err error) {
	switch t {
	case frameStarted:
		return false, r.started()
	case frameOut:
		// Whoever reads the output may be gone: that is the end of no command.
		_, _ = r.streams.Stdout.Write(content)
	case frameErr:
		_, _ = r.streams.Stderr.Write(content)
	case frameCredit:
		r.credit <- int(binary.BigEndian.Uint32(content))
	case frameFile:
		var f result
		if err := json.Unmarshal(content, &f); err != nil || f.Output < 0 || f.Output >= len(r.request.Outputs) {
			return true, fmt.Errorf("%s sent a file that nobody asked for", r.host)
		}
		r.result.Files[r.request.Outputs[f.Output]] = f.Data
	case frameFailed:
		return true, fmt.Errorf("run the command on %s: %s", r.host, content)
	case frameExit:
		r.result.Code = int(binary.BigEndian.Uint32(content))
		return true, nil
	}
	return false, nil
}

// started hands the keyboard over, and sends the input.
func (r *remoteRun) started() error {
	if r.streams.Keyboard != nil {
		fd := int(r.streams.Keyboard.Fd())
		before, err := term.MakeRaw(fd)
		if err != nil {
			return fmt.Errorf("take over the terminal: %w", err)
		}
		r.restore = sync.OnceFunc(func() { _ = term.Restore(fd, before) })
	}
	if r.streams.Stdin != nil {
		go r.sendInput()
	}
	return nil
}

// sendInput sends as much of the input as the host takes.
func (r *remoteRun) sendInput() {
	buffer := make([]byte, chunk)
	credit := 0
	for {
		for credit == 0 {
			select {
			case more := <-r.credit:
				credit += more
			case <-r.done:
				return
			}
		}
		n, err := r.streams.Stdin.Read(buffer[:min(credit, len(buffer))])
		if n > 0 {
			credit -= n
			r.watchKeys(buffer[:n])
			if r.frames.write(frameInput, buffer[:n]) != nil {
				return
			}
		}
		if err != nil {
			_ = r.frames.write(frameInput, nil) // a lost connection shows where it is read
			return
		}
	}
}

// watchKeys ends the process when somebody presses Ctrl-C on the keyboard and the host does not answer: the terminal itself takes
// no notice of the key.
func (r *remoteRun) watchKeys(keys []byte) {
	const ctrlC = 3
	if r.streams.Keyboard == nil || len(keys) != 1 || keys[0] != ctrlC {
		return
	}
	if r.silent.Add(1) > giveUps {
		r.giveUp()
	}
}

func (r *remoteRun) giveUp() {
	r.restore()
	_ = r.ssh.Process.Kill() // it may have ended
	os.Exit(exitInterrupted)
}

// watchSignals sends the signals of this process to the command. After the second Ctrl-C the command has some seconds to end;
// the third ends this process.
func (r *remoteRun) watchSignals() (stop func()) {
	caught := make(chan os.Signal, window>>10)
	wanted := []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGQUIT, unix.SIGWINCH}
	// Whoever starts a command with nohup wants it to outlive the terminal.
	if !signal.Ignored(unix.SIGHUP) {
		wanted = append(wanted, unix.SIGHUP)
	}
	signal.Notify(caught, wanted...)
	go func() {
		interrupts := 0
		for s := range caught {
			number := s.(syscall.Signal)
			if number == unix.SIGWINCH {
				r.resize()
				continue
			}
			if number == unix.SIGINT || number == unix.SIGTERM {
				interrupts++
			}
			switch interrupts {
			case giveUps:
				r.giveUp()
			case giveUps - 1:
				time.AfterFunc(patience, r.giveUp)
			}
			// ssh may not take it: the next signal must still be seen.
			go func() { _ = r.frames.write(frameSignal, []byte{byte(number)}) }()
		}
	}()
	return func() { signal.Stop(caught) }
}

// resize sends the size of the terminal.
func (r *remoteRun) resize() {
	if size, ok := r.request.Terminal.measure(os.Stdout); ok {
		_ = r.frames.writeJSON(frameSize, size) // a lost connection shows where it is read
	}
}

// measure returns the size of the terminal of the file.
func (t Terminal) measure(f *os.File) (Size, bool) {
	width, height, err := term.GetSize(int(f.Fd()))
	return Size{Width: uint16(width), Height: uint16(height)}, err == nil
}

// TerminalOf returns the terminals among the standard files. A command has one only if its output is one.
func TerminalOf(in, out, err *os.File) Terminal {
	is := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	if !is(out) {
		return Terminal{}
	}
	t := Terminal{In: is(in), Out: true, Err: is(err), Type: os.Getenv("TERM")}
	t.Size, _ = t.measure(out) // one without a size is as good
	return t
}
