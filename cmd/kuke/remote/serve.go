package remote

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// window is the number of bytes of input on their way that the command has not read.
const window = 64 << 10

// outputDelay is how long the output of a command is awaited that has ended: a process that it left may hold it open.
const outputDelay = 2 * time.Second

// session is one command on the host, for a caller on the other end of the connection.
type session struct {
	in      io.Reader
	out     *frameWriter
	request Request
	place   *place
	command *exec.Cmd
	pty     *pty
	// input takes the input of the command, nil where it gets none.
	input *queue
	// sources are the ends of pipes and terminals with the output of the command, targets the frames that carry it.
	sources []*os.File
	targets []frameType
	// close holds the ends that belong to the command.
	close []*os.File
}

// serve runs the command of a caller, and returns the exit status of the session. The directory of the session is removed and the
// command has ended when it returns, also when the caller is gone.
func serve(in, out *os.File) int {
	// The child gets a signal when the thread that started it ends: that must not be before the process does.
	runtime.LockOSThread()
	s := &session{in: in, out: &frameWriter{w: out}}
	if s.out.write(frameHello, nil) != nil {
		return 1
	}
	t, content, err := readFrame(in)
	switch {
	case err != nil:
		return 1 // the caller has changed its mind
	case t != frameRequest:
		return s.failed(errors.New("the caller sent no request"))
	}
	lost := make(chan os.Signal, 1)
	signal.Notify(lost, unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
	if err := json.Unmarshal(content, &s.request); err != nil {
		return s.failed(err)
	}
	if s.place, err = newPlace(); err != nil {
		return s.failed(err)
	}
	defer func() { _ = s.place.remove() }() // the next session removes it otherwise
	if err := s.place.fill(&s.request); err != nil {
		return s.failed(err)
	}
	if err := s.start(); err != nil {
		return s.failed(err)
	}
	return s.run(lost)
}

func (s *session) failed(err error) int {
	_ = s.out.write(frameFailed, []byte(err.Error())) // there is nobody else to tell
	return 1
}

// start starts the command.
func (s *session) start() error {
	s.request.Caller.Root = s.place.root()
	request, give, err := os.Pipe()
	if err != nil {
		return err
	}
	s.command = exec.Command("/proc/self/exe") //nolint:forbidigo // it runs as this process does
	s.command.Args = []string{"kuke", s.request.Name, flagChild}
	s.command.Dir = s.request.Caller.Path(s.request.Caller.Dir)
	s.command.Env = s.environ()
	s.command.ExtraFiles = []*os.File{request}
	// A session of its own: signals come from this process only. One that is killed leaves the command as a terminal that is
	// closed does.
	s.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGHUP}
	s.close = append(s.close, request)
	defer func() {
		for _, f := range s.close {
			f.Close()
		}
	}()
	if err := s.connect(); err != nil {
		return errors.Join(err, give.Close())
	}
	if err := s.command.Start(); err != nil {
		return errors.Join(err, give.Close())
	}
	// A command that doesn't read it has ended.
	go func() {
		_ = json.NewEncoder(give).Encode(child{s.request.Args, s.request.Caller})
		give.Close()
	}()
	return s.out.write(frameStarted, nil)
}

// environ returns the environment of the command: that of this process with that of the caller. Values of variables of this
// host are none of the caller's.
func (s *session) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return strings.HasPrefix(pair, "KUKE_VAR_") || strings.HasPrefix(pair, "KUKE_HOST=")
	})
	if s.request.Terminal.Type != "" {
		env = append(env, "TERM="+s.request.Terminal.Type)
	}
	return append(env, s.request.Environ...)
}

// connect gives the command its standard files.
func (s *session) connect() error {
	t := s.request.Terminal
	if t.In || t.Out || t.Err {
		p, err := newPTY(t.Size)
		if err != nil {
			return err
		}
		s.pty, s.close = p, append(s.close, p.slave)
		s.sources, s.targets = append(s.sources, p.master), append(s.targets, frameOut)
		s.command.SysProcAttr.Setctty = true
		s.command.SysProcAttr.Ctty = slices.Index([]bool{t.In, t.Out, t.Err}, true)
	}
	switch {
	case t.In:
		s.command.Stdin = s.pty.slave
		if s.request.Stdin {
			s.input = newQueue(s.pty.master, s.out, false)
		}
	case s.request.Stdin:
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		s.command.Stdin, s.close, s.input = r, append(s.close, r), newQueue(w, s.out, true)
	}
	for _, f := range []struct {
		terminal bool
		to       *io.Writer
		target   frameType
	}{{t.Out, &s.command.Stdout, frameOut}, {t.Err, &s.command.Stderr, frameErr}} {
		if f.terminal {
			*f.to = s.pty.slave
			continue
		}
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		*f.to, s.close = w, append(s.close, w)
		s.sources, s.targets = append(s.sources, r), append(s.targets, f.target)
	}
	return nil
}

// run waits for the command, while it passes on everything between it and the caller.
func (s *session) run(lost <-chan os.Signal) int {
	var passing sync.WaitGroup
	for i, from := range s.sources {
		passing.Go(func() { s.pass(from, s.targets[i]) })
	}
	go func() {
		s.obey()
		if s.input != nil {
			s.input.add(nil)
		}
		_ = s.command.Process.Signal(unix.SIGHUP) // it may have ended
	}()
	go func() {
		for range lost {
			_ = s.command.Process.Signal(unix.SIGHUP)
		}
	}()
	if s.input != nil {
		_ = s.out.write(frameCredit, binary.BigEndian.AppendUint32(nil, window))
		go s.input.run()
	}
	_ = s.command.Wait() // its state says more
	passed := make(chan struct{})
	go func() {
		passing.Wait()
		close(passed)
	}()
	select {
	case <-passed:
	case <-time.After(outputDelay):
	}
	results, err := s.place.results(&s.request)
	if err != nil {
		return s.failed(err)
	}
	for _, r := range results {
		if err := s.out.writeJSON(frameFile, r); err != nil {
			return s.failed(err)
		}
	}
	status := s.command.ProcessState.Sys().(syscall.WaitStatus)
	code := status.ExitStatus()
	if status.Signaled() {
		const killed = 128 // as a shell counts
		code = killed + int(status.Signal())
	}
	if s.out.write(frameExit, binary.BigEndian.AppendUint32(nil, uint32(code))) != nil {
		return 1
	}
	return 0
}

// pass sends the output of the command. It reads on when the caller is gone, so that the command can finish its work.
func (s *session) pass(from *os.File, as frameType) {
	buffer := make([]byte, chunk)
	gone := false
	for {
		n, err := from.Read(buffer)
		if n > 0 && !gone {
			gone = s.out.write(as, buffer[:n]) != nil
		}
		if err != nil {
			return
		}
	}
}

// obey carries out the frames of the caller, until it is gone.
func (s *session) obey() {
	for {
		t, content, err := readFrame(s.in)
		if err != nil {
			return
		}
		switch t {
		case frameInput:
			if s.input != nil {
				s.input.add(content)
			}
		case frameSignal:
			if len(content) == 1 {
				_ = s.command.Process.Signal(syscall.Signal(content[0])) // it may have ended
			}
		case frameSize:
			var size Size
			if s.pty != nil && json.Unmarshal(content, &size) == nil {
				_ = s.pty.resize(size)
			}
		}
	}
}
