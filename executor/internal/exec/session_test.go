package exec_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/exec"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/task"
)

// screen takes output, and lets a test wait for a part of it.
type screen struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.String()
}

func (s *screen) shows(t *testing.T, text string) {
	t.Helper()
	for range 1500 {
		if strings.Contains(s.String(), text) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q has not come, but %q", text, s.String())
}

// writerFunc writes by a function.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// runIn runs a script and returns what it printed, both streams apart.
func runIn(h *labhost.Host, script string, s exec.Session) (code uint32, stdout, stderr string, err error) {
	h.T.Helper()
	var out, errs screen
	s.Args, s.Stdout, s.Stderr = []string{"sh", "-c", script}, &out, &errs
	code, err = exec.Run(h.Ctx, h.Client, h.NS, "a", s)
	return code, out.String(), errs.String(), err
}

func sessionHost(t *testing.T, spec resource.Container) *labhost.Host {
	t.Helper()
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Start(h.Options("a", spec))
	return h
}

func TestSession(t *testing.T) {
	h := sessionHost(t, resource.Container{Command: "/bin/sleep", Args: []string{"1000"}, Env: resource.Env{"GREETING": "hi", "KEPT": "yes"}})
	leavesNothing(h, func() {
		code, out, errs, err := runIn(h, "echo out; echo err >&2; exit 3", exec.Session{})
		if code != 3 || out != "out\n" || errs != "err\n" || err != nil {
			t.Errorf("%d, %q, %q, %v", code, out, errs, err)
		}
		code, out, errs, err = runIn(h, "kill -TERM $$", exec.Session{})
		if code != 143 || out+errs != "" || err != nil {
			t.Errorf("ended by a signal: %d, %q, %q, %v", code, out, errs, err)
		}
		_, out, errs, err = runIn(h, "id -u; id -G; pwd; echo $GREETING $KEPT $MORE; grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status",
			exec.Session{User: "web", Dir: "/etc", Env: []string{"GREETING=bye", "MORE=x y"}})
		for _, want := range []string{"101\n", "102 103\n", "/etc\n", "bye yes x y\n", "NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t00000000a80425fb", "CapEff:\t0000000000000000"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing in %q (%q, %v)", want, out, errs, err)
			}
		}
		if _, _, _, err = runIn(h, "true", exec.Session{User: "nobody-there"}); !errdefs.IsInvalidArgument(err) {
			t.Errorf("no such user: %v", err)
		}
		if _, err = exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"nope"}, Stdout: io.Discard, Stderr: io.Discard, Stdin: strings.NewReader("x")}); err == nil ||
			!strings.Contains(err.Error(), "executable file not found") {
			t.Errorf("no such command: %v", err)
		}
		// What runs on in the background keeps the output open.
		for range 3 {
			begin := time.Now()
			if _, out, _, err = runIn(h, "sleep 6000 & echo started", exec.Session{}); out != "started\n" || err != nil || time.Since(begin) > time.Minute {
				t.Errorf("with something in the background, after %s: %q, %v", time.Since(begin), out, err)
			}
		}
	})
}

func TestSessionInput(t *testing.T) {
	h := sessionHost(t, labhost.Sh("exec sleep 1000"))
	leavesNothing(h, func() {
		// An end that comes before the command runs.
		for range 10 {
			if code, out, _, err := runIn(h, "cat; echo end", exec.Session{Stdin: strings.NewReader("")}); code != 0 || out != "end\n" || err != nil {
				t.Fatalf("nothing: %d, %q, %v", code, out, err)
			}
		}
		if code, out, _, err := runIn(h, "cat", exec.Session{Stdin: strings.NewReader("a line")}); code != 0 || out != "a line" || err != nil {
			t.Errorf("a line: %d, %q, %v", code, out, err)
		}
		// Input that ends long after the start.
		read, write := io.Pipe()
		time.AfterFunc(time.Second, func() {
			_, _ = write.Write([]byte("late"))
			_ = write.Close()
		})
		if code, out, _, err := runIn(h, "cat", exec.Session{Stdin: read}); code != 0 || out != "late" || err != nil {
			t.Errorf("late: %d, %q, %v", code, out, err)
		}
		// Every byte there is, far more than the FIFOs hold, both ways at once.
		random, want, got := rand.NewChaCha8([32]byte{1}), sha256.New(), sha256.New()
		input := io.TeeReader(io.LimitReader(random, 20<<20), want)
		code, err := exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"cat"}, Stdin: input, Stdout: got, Stderr: io.Discard})
		if code != 0 || err != nil || !bytes.Equal(want.Sum(nil), got.Sum(nil)) {
			t.Errorf("20 MiB: %d, %v", code, err)
		}
		// Input that nobody reads.
		if code, _, _, err := runIn(h, "exit 4", exec.Session{Stdin: io.LimitReader(random, 20<<20)}); code != 4 || err != nil {
			t.Errorf("nobody reads: %d, %v", code, err)
		}
	})
}

func TestSessionOutput(t *testing.T) {
	h := sessionHost(t, labhost.Sh("exec sleep 1000"))
	leavesNothing(h, func() {
		var n int
		// A reader that takes its time, so that most comes after the command's end.
		slow := writerFunc(func(p []byte) (int, error) {
			if n += len(p); n > 20<<20-200<<10 {
				time.Sleep(300 * time.Millisecond)
			}
			return len(p), nil
		})
		code, err := exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"busybox", "dd", "if=/dev/zero", "bs=1M", "count=20"}, Stdout: slow, Stderr: io.Discard})
		if code != 0 || err != nil || n != 20<<20 {
			t.Errorf("%d bytes, %d, %v", n, code, err)
		}
		for _, script := range []string{"busybox yes", "busybox yes & busybox yes"} {
			gone := writerFunc(func([]byte) (int, error) { return 0, &os.PathError{Op: "write", Err: syscall.EPIPE} })
			code, err = exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"sh", "-c", script}, Stdout: gone, Stderr: io.Discard})
			if code != 141 || err != nil {
				t.Errorf("%s, nobody reads: %d, %v", script, code, err)
			}
		}
		full := writerFunc(func([]byte) (int, error) { return 0, syscall.ENOSPC })
		for _, script := range []string{"busybox yes", "echo once"} {
			_, err = exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"sh", "-c", script}, Stdout: full, Stderr: io.Discard})
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("%s, no room: %v", script, err)
			}
		}
	})
	noneLeft(h, "busybox\x00yes\x00")
}

// noneLeft checks that no process has the command line.
func noneLeft(h *labhost.Host, command string) {
	h.T.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	h.Must(err)
	for _, file := range files {
		// A zombie, kept by a first process that reaps nothing, has none.
		if data, _ := os.ReadFile(file); string(data) == command {
			h.T.Errorf("a command is left: %s", file)
		}
	}
}

func TestSessionIsKilled(t *testing.T) {
	h := sessionHost(t, labhost.Sh("exec sleep 1000"))
	blocked := make(chan struct{})
	outputs := map[string]io.Writer{
		"read": io.Discard,
		// Somebody who doesn't read keeps nothing from ending.
		"unread": writerFunc(func(p []byte) (int, error) {
			<-blocked
			return len(p), nil
		}),
	}
	leavesNothing(h, func() {
		defer close(blocked)
		for name, output := range outputs {
			for _, script := range []string{"trap '' INT TERM; busybox sleep 5151; true", "(busybox sleep 5151; true) & busybox yes", "echo x"} {
				if name == "read" && script == "echo x" {
					continue
				}
				ctx, cancel := context.WithCancel(h.Ctx)
				time.AfterFunc(1500*time.Millisecond, cancel)
				begin := time.Now()
				code, err := exec.Run(ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"sh", "-c", script}, Stdout: output, Stderr: io.Discard})
				if want := uint32(137); !errors.Is(err, context.Canceled) || code != want && script != "echo x" {
					t.Errorf("%s, %s: %d, %v", script, name, code, err)
				}
				if time.Since(begin) > time.Minute { // and not for as long as the sleep
					t.Errorf("%s, %s took %s", script, name, time.Since(begin))
				}
			}
		}
		// At any moment.
		for i := range 15 {
			ctx, cancel := context.WithTimeout(h.Ctx, time.Duration(i*10+1)*time.Millisecond)
			_, err := exec.Run(ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"busybox", "sleep", "5151"}, Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard})
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
	noneLeft(h, "busybox\x00sleep\x005151\x00")
	noneLeft(h, "busybox\x00yes\x00")
}

func TestSessionSignals(t *testing.T) {
	h := sessionHost(t, labhost.Sh("exec sleep 1000"))
	leavesNothing(h, func() {
		for _, number := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			var out screen
			signals := make(chan syscall.Signal)
			go func() {
				out.shows(t, "ready")
				signals <- number
				out.shows(t, "got it")
				signals <- syscall.SIGKILL
			}()
			script := "trap 'echo got it' INT TERM HUP; echo ready; while :; do sleep 0.1; done"
			code, err := exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"sh", "-c", script}, Stdout: &out, Stderr: io.Discard, Signals: signals})
			if code != 137 || err != nil {
				t.Errorf("%s: %d, %v", number, code, err)
			}
		}
	})
}

func TestSessionTerminal(t *testing.T) {
	h := sessionHost(t, labhost.Sh("exec sleep 1000"))
	leavesNothing(h, func() {
		// The size is there from the start.
		for range 5 {
			var out screen
			code, err := exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"busybox", "stty", "size"}, Stdout: &out, Stderr: io.Discard, Terminal: true, Size: exec.Size{Width: 77, Height: 33}})
			if code != 0 || err != nil || out.String() != "33 77\r\n" {
				t.Errorf("%d, %v, %q", code, err, out.String())
			}
		}
		var out screen
		sizes := make(chan exec.Size)
		// The end of the input would be a hang-up.
		keys, write := io.Pipe()
		defer write.Close()
		go func() {
			typed := func(text string) { _, _ = write.Write([]byte(text)) }
			out.shows(t, "# ")
			sizes <- exec.Size{Width: 123, Height: 45}
			typed("while [ \"$(busybox stty size)\" != '45 123' ]; do sleep 0.1; done; echo res''ized; echo err''ors >&2\r")
			out.shows(t, "resized")
			out.shows(t, "errors")
			typed("trap 'echo interr''upted' INT; echo sl''eeping; sleep 1000\r")
			out.shows(t, "sleeping")
			time.Sleep(200 * time.Millisecond)
			typed("\x03")
			out.shows(t, "interrupted")
			typed("exit 42\r")
		}()
		code, err := exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{
			Args: []string{"sh", "-i"}, Stdin: keys, Stdout: &out, Stderr: io.Discard, Terminal: true, Sizes: sizes, Size: exec.Size{Width: 80, Height: 24},
		})
		if code != 42 || err != nil {
			t.Errorf("%d, %v\n%s", code, err, out.String())
		}
	})
}

func TestSessionDetached(t *testing.T) {
	h := sessionHost(t, labhost.Sh("exec sleep 1000"))
	begin := time.Now()
	if code, err := exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"sh", "-c", "echo lost; sleep 0.5; echo done >/tmp/done"}, Detach: true}); code != 0 || err != nil {
		t.Fatalf("%d, %v", code, err)
	}
	t.Logf("it took %s", time.Since(begin))
	if code, out, _, err := runIn(h, "while [ ! -s /tmp/done ]; do sleep 0.05; done; cat /tmp/done", exec.Session{}); code != 0 || out != "done\n" || err != nil {
		t.Errorf("%d, %q, %v", code, out, err)
	}
	if _, err := exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"nope"}, Detach: true}); err == nil || !strings.Contains(err.Error(), "executable file not found") {
		t.Errorf("no such command: %v", err)
	}
	if fifos := fifosIn(h); len(fifos) > 0 {
		t.Errorf("FIFOs are left: %v", fifos)
	}
}

func TestSessionFails(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	run := func() error {
		_, err := exec.Run(h.Ctx, h.Client, h.NS, "a", exec.Session{Args: []string{"true"}, Stdout: io.Discard, Stderr: io.Discard})
		return err
	}
	if err := run(); !errdefs.IsNotFound(err) {
		t.Errorf("no container: %v", err)
	}
	h.Start(h.Options("a", labhost.Sh("exec sleep 1000")))
	h.Must(task.Pause(h.Ctx, h.Client, h.NS, "a"))
	if err := run(); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("paused: %v", err)
	}
	h.Must(task.Resume(h.Ctx, h.Client, h.NS, "a"))
	leavesNothing(h, func() {
		// The container ends under it.
		time.AfterFunc(time.Second, func() { _, _ = task.Kill(h.Ctx, h.Client, h.NS, "a", "KILL", true) })
		code, _, _, err := runIn(h, "exec sleep 50", exec.Session{})
		if code != 137 && err == nil {
			t.Errorf("the container ended: %d, %v", code, err)
		}
		t.Logf("the container ended: %d, %v", code, err)
	})
	if err := run(); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("stopped: %v", err)
	}
}
