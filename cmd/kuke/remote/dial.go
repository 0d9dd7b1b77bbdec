package remote

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Options are those of a connection.
type Options struct {
	// Version is that of the running kuke, which the host must have too.
	Version string
	// Install says that a host with another version or without kuke gets a copy of the running program.
	Install bool
	// Stderr takes the messages of ssh.
	Stderr io.Writer
	// Note is told of an installation.
	Note func(text string)
}

// sshLost is the exit status of ssh for its own errors.
const sshLost = 255

// Connection is a session on a host that waits for its request.
type Connection struct {
	host *Host
	ssh  *tunnel
}

// Dial connects to the host, with kuke of the same version there.
func Dial(ctx context.Context, h *Host, o Options) (*Connection, error) {
	c, err := open(ctx, h, o)
	other := (*versionError)(nil)
	if !errors.As(err, &other) || !o.Install {
		return c, err
	}
	if err := install(ctx, h, other, o); err != nil {
		return nil, err
	}
	return open(ctx, h, o)
}

// open starts a session.
func open(ctx context.Context, h *Host, o Options) (*Connection, error) {
	t, err := start(ctx, h, sessionScript(o.Version), nil)
	if err != nil {
		return nil, err
	}
	facts, err := t.greeted()
	if err == nil {
		// Frames follow: the session, or sudo in its place, has begun.
		if kind, _, failed := readFrame(t.out); failed == nil && kind == frameHello {
			t.stderr.passTo(o.Stderr)
			return &Connection{host: h, ssh: t}, nil
		}
	}
	return nil, t.reason(h, o, facts)
}

// tunnel is a running ssh.
type tunnel struct {
	*exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *tail
	stop   context.CancelFunc
}

// start runs the command there. Input is nil for a pipe.
func start(ctx context.Context, h *Host, command string, input io.Reader) (*tunnel, error) {
	if _, err := exec.LookPath("ssh"); err != nil {
		return nil, fmt.Errorf("connect to %s: there is no program ssh in PATH. Install the client of OpenSSH", h)
	}
	ctx, stop := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, "ssh", arguments(h, command)...) //nolint:forbidigo // ssh needs the environment of the user
	t := &tunnel{Cmd: cmd, stderr: &tail{}, stop: stop}
	// ssh puts the terminal back that it has asked for a password on.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	cmd.Stderr = t.stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		t.out = bufio.NewReaderSize(out, chunk)
		if cmd.Stdin = input; input == nil {
			t.in, err = cmd.StdinPipe()
		}
	}
	if err == nil {
		err = startDeaf(cmd)
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("connect to %s: %w", h, err)
	}
	return t, nil
}

// startDeaf starts a program that Ctrl-C on the terminal does not end, since that is for the command on the host. It stays in the
// foreground, to ask for passwords. It can't be told to ignore the signals: a client of a shared connection handles them again.
func startDeaf(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var blocked, before unix.Sigset_t
	for _, s := range []syscall.Signal{unix.SIGINT, unix.SIGQUIT} {
		blocked.Val[0] |= 1 << (s - 1)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, &before); err != nil {
		return err
	}
	err := cmd.Start()
	return errors.Join(err, unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil))
}

// maxNoise bounds the text that the files of a shell print, in bytes.
const maxNoise = 64 << 10

// greeted returns the fields of the line that the script prints.
func (t *tunnel) greeted() ([]string, error) {
	for read := 0; read < maxNoise; {
		line, err := t.out.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if rest, ok := strings.CutPrefix(string(line), greeting); ok {
			return strings.Split(strings.TrimSuffix(rest, "\n"), "\t"), nil
		}
		read += len(line)
	}
	return nil, errors.New("the shell prints other text")
}

// wait ends ssh, and returns its exit status.
func (t *tunnel) wait() int {
	if t.in != nil {
		t.in.Close()
	}
	_, _ = io.Copy(io.Discard, t.out)
	_ = t.Wait() // the state says more
	t.stop()
	return t.ProcessState.ExitCode()
}

// versionError says that the host lacks this version of kuke.
type versionError struct {
	host                     *Host
	system, machine, version string
	program, own             string
}

func (e *versionError) Error() string {
	const remedy = "Copy this one there with --install"
	if e.program == "" {
		return fmt.Sprintf("there is no kuke on %s. %s", e.host, remedy)
	}
	return fmt.Sprintf("%s on %s is of version %s, and this kuke of version %s: both must be of one version. %s, or use kuke %[3]s here", e.program, e.host, e.version, e.own, remedy)
}

// reason returns why there is no session, after ssh has ended.
func (t *tunnel) reason(h *Host, o Options, facts []string) error {
	code := t.wait()
	said := strings.TrimSpace(t.stderr.String())
	const fields = 5
	if len(facts) != fields {
		switch {
		case code < 0:
			return fmt.Errorf("connect to %s: interrupted", h)
		case said == "":
			said = fmt.Sprintf("ssh ended with exit status %d", code)
		}
		return fmt.Errorf("connect to %s: %s", h, said)
	}
	user, program, version := facts[2], facts[3], facts[4]
	switch code {
	case scriptMissing, scriptVersion:
		return &versionError{host: h, system: facts[0], machine: facts[1], program: program, version: version, own: o.Version}
	case scriptSudo:
		said = "there is no sudo"
	}
	if user != "root" {
		return fmt.Errorf("kuke on %s needs root, and %s is not: %s. Connect as root, or allow the user in /etc/sudoers to run it without a password: %[2]s ALL=(root) NOPASSWD: %[4]s %s", h, user, said, program, commandSession)
	}
	return fmt.Errorf("run %s on %s: %s", program, h, said)
}

// tail keeps the messages of ssh, until there is a writer to pass them on to.
type tail struct {
	mu   sync.Mutex
	kept bytes.Buffer
	to   io.Writer
}

// Write implements [io.Writer].
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.to != nil {
		return t.to.Write(p)
	}
	if t.kept.Len() < maxNoise {
		t.kept.Write(p)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept.String()
}

// passTo passes on the messages so far, and those that follow.
func (t *tail) passTo(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.kept.WriteTo(w)
	t.to = w
}

// install copies the running program to the host.
func install(ctx context.Context, h *Host, there *versionError, o Options) error {
	if err := there.runsHere(); err != nil {
		return fmt.Errorf("install kuke on %s: %w", h, err)
	}
	program, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("install kuke on %s: %w", h, err)
	}
	defer program.Close()
	t, err := start(ctx, h, installScript(), program)
	if err != nil {
		return err
	}
	facts, err := t.greeted()
	code := t.wait()
	if err != nil || code != 0 || len(facts) != 1 {
		said := strings.TrimSpace(t.stderr.String())
		if said == "" {
			said = fmt.Sprintf("ssh ended with exit status %d", code)
		}
		return fmt.Errorf("install kuke on %s: %s", h, said)
	}
	o.Note(fmt.Sprintf("Installed kuke %s as %s on %s.", o.Version, facts[0], h))
	return nil
}
