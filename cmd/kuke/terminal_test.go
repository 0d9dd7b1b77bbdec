package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/cmd/kuke/tty"
)

// terminal is one that a test looks at and types on.
type terminal struct {
	*testing.T
	master *os.File

	mu     sync.Mutex
	screen strings.Builder
}

// newTerminal starts a command on a terminal of its own.
func newTerminal(t *testing.T, cmd *exec.Cmd) *terminal {
	t.Helper()
	master, slave, err := tty.OpenPTY()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{T: t, master: master}
	term.resize(80, 24)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		slave.Close()
		master.Close()
	})
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			term.mu.Lock()
			term.screen.Write(buffer[:n])
			term.mu.Unlock()
			if errors.Is(err, io.EOF) || err != nil {
				return
			}
		}
	}()
	return term
}

func (t *terminal) resize(columns, rows uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(t.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		t.Fatal(err)
	}
}

// echoes reports whether the terminal shows what is typed.
func (t *terminal) echoes() bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(t.master.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

func (t *terminal) key(keys string) {
	t.Helper()
	if _, err := t.master.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// sees waits until the text has been on the screen.
func (t *terminal) sees(text string) {
	t.Helper()
	for range 1000 {
		t.mu.Lock()
		found := strings.Contains(t.screen.String(), text)
		t.mu.Unlock()
		if found {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the terminal doesn't show %q, but\n%s", text, t.screen.String())
}

// TestExecOnTerminal types: the size is the terminal's, also when it changes, Ctrl-C goes to what runs in the container, its
// exit code is kuke's, and the terminal is as it was.
func TestExecOnTerminal(t *testing.T) {
	dir := crashHost(t)
	mustKuke(t, "apply", "--auto-approve", "-f", writeConfig(t, dir, "main.hcl", cells(1, "x")))
	// The shell around it shows how kuke leaves the terminal.
	cmd := exec.Command("sh", "-c", "stty -g >"+dir+"/before; kuke exec -it crash/s/t/c0/root sh; echo exited with $?; stty -g >"+dir+"/after; echo that is all")
	term := newTerminal(t, cmd)
	term.sees("/ #")
	term.key("busybox stty size; echo $TERM.\r")
	term.sees("24 80")
	term.leavesShell()
	sameFiles(t, dir+"/before", dir+"/after")
}

// leavesShell resizes the terminal of a shell in a container, presses Ctrl-C, and exits the shell and then the one around it.
func (term *terminal) leavesShell() {
	term.Helper()
	term.resize(123, 45)
	term.key("while [ \"$(busybox stty size)\" != '45 123' ]; do sleep 0.1; done; echo resi''zed\r")
	term.sees("resized")
	term.key("sleep 1000; echo interr''upted with $?\r")
	time.Sleep(300 * time.Millisecond)
	term.key("\x03")
	term.key("echo still he''re\r")
	term.sees("still here")
	term.key("exit 42\r")
	term.sees("exited with 42")
	term.sees("that is all")
}

// TestExecIsInterrupted presses Ctrl-C twice, as whoever reads the output doesn't: the command is killed, and kuke ends with
// its status. What kuke is sent on a terminal goes to the command as well, and the terminal is as it was.
func TestExecIsInterrupted(t *testing.T) {
	dir := crashHost(t)
	mustKuke(t, "apply", "--auto-approve", "-f", writeConfig(t, dir, "main.hcl", cells(1, "x")))
	const container = "crash/s/t/c0/root"
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	cmd := exec.Command("kuke", "exec", container, "sh", "-c", "trap '' INT; echo ready; while :; do echo flood; done")
	cmd.Stdout = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	if _, err := io.ReadFull(read, make([]byte, len("ready"))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		time.Sleep(500 * time.Millisecond)
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	stuck := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); !stuck.Stop() || code != 137 {
		t.Errorf("it exited with %d", code)
	}

	// The shell in between tells the pid that kuke then has.
	script := "stty -g >" + dir + "/before; sh -c 'echo $$ >" + dir + "/pid; exec \"$@\"' - kuke exec -it -e TERM=dumb " + container +
		" sh -c 'echo $TERM; busybox stty size; exec sleep 1000'; echo exited with $?; stty -g >" + dir + "/after; echo that is all"
	term := newTerminal(t, exec.Command("sh", "-c", script))
	term.sees("dumb")
	term.sees("24 80")
	pid, err := os.ReadFile(dir + "/pid")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("kill", "-TERM", strings.TrimSpace(string(pid))).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	term.sees("exited with 143")
	term.sees("that is all")
	sameFiles(t, dir+"/before", dir+"/after")
}

// sameFiles checks that two files that aren't empty are the same.
func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	before, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) || len(before) == 0 {
		t.Errorf("the terminal was %s, is %s", before, after)
	}
}

// A variable without a value is asked for; what is typed for a sensitive one isn't shown, and Ctrl-C ends it all.
func TestAskForVariables(t *testing.T) {
	dir := t.TempDir()
	config := writeConfig(t, dir, "main.hcl", "variable \"secret\" {\n  sensitive = true\n}\nvariable \"tag\" {\n  description = \"Tag of the image.\"\n}\nrealm \"r\" {\n  labels = { tag = var.tag, length = nonsensitive(length(var.secret)) }\n}\n")
	cmd := exec.Command("kuke", "convert", "--to", "yaml", "-f", config)
	term := newTerminal(t, cmd)
	term.sees("var.secret")
	term.key("hunter2\n")
	term.sees("Tag of the image.")
	term.key("1.2\n")
	term.sees("length: \"7\"")
	term.sees("tag: \"1.2\"")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if strings.Contains(term.screen.String(), "hunter2") {
		t.Errorf("what was typed shows:\n%s", term.screen.String())
	}
	cmd = exec.Command("kuke", "graph", "-f", config)
	term = newTerminal(t, cmd)
	term.sees("var.secret")
	term.key("\x03")
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("interrupted: %v", err)
	}
	if !term.echoes() {
		t.Error("after the interrupt the terminal shows nothing of what is typed")
	}
}

// Ctrl-C ends the console at once, also where a bracket is open, and so does Ctrl-D, which evaluates what there is.
func TestConsoleOnTerminal(t *testing.T) {
	config := writeConfig(t, t.TempDir(), "main.hcl", "realm \"r\" {}\n")
	for _, end := range []struct {
		keys, shows string
		code        int
	}{{"\x03", "^C", exitInterrupted}, {"\x04", "Unbalanced parentheses", 0}} {
		cmd := exec.Command("kuke", "console", "-f", config)
		term := newTerminal(t, cmd)
		term.sees("> ")
		term.key("(\n")
		term.sees(": ")
		term.key("40 + 2)\n")
		term.sees("42")
		term.key("[ /*\n")
		term.key("(1\n*/ (1\n")
		time.Sleep(300 * time.Millisecond)
		term.key(end.keys)
		stuck := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); !stuck.Stop() || code != end.code {
			t.Errorf("%q: it exited with %d", end.keys, code)
		}
		term.sees(end.shows)
	}
}

// An apply draws its running steps on a terminal, and none of it stays, also after Ctrl-C. A terminal that can't move its cursor
// gets lines.
func TestApplyOnTerminal(t *testing.T) {
	dir := crashHost(t)
	config := writeConfig(t, dir, "main.hcl", cells(1, "x"))
	mustKuke(t, "apply", "--auto-approve", "-f", config)
	slow := "healthcheck {\n exec = [\"false\"]\n start_period_seconds = 600\n}\nenv = {"
	config = writeConfig(t, dir, "slow.hcl", strings.Replace(cells(1, "x"), "env = {", slow, 1))
	script := func(name string) string {
		return "trap : INT; stty -g >" + dir + "/before; TERM=" + name + " kuke apply --auto-approve -f " + config + "; echo exited with $?; stty -g >" + dir + "/after; echo that is all"
	}
	term := newTerminal(t, exec.Command("sh", "-c", script("xterm")))
	term.sees("1 of 2 steps done, 1 running")
	term.sees("container crash/s/t/c0/root: waiting… 0s")
	term.resize(30, 10)
	term.sees("…rash/s/t/c0/root: waiting… ")
	term.sees("\r\n1 of 2 steps done, 1 running\r\n")
	term.key("\x03")
	term.sees("Interrupted. kuke finishes the running changes")
	term.sees("To continue: kuke apply --auto-approve --file " + config)
	term.sees("exited with 130")
	term.sees("that is all")
	sameFiles(t, dir+"/before", dir+"/after")

	term = newTerminal(t, exec.Command("sh", "-c", script("dumb")))
	term.sees("container crash/s/t/c0/root: waiting…\r\n")
	term.key("\x03")
	term.sees("exited with 130")
	if strings.Contains(term.screen.String(), "\x1b[J") {
		t.Errorf("lines were drawn on a dumb terminal:\n%s", term.screen.String())
	}
}
