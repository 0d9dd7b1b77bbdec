package reaper

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain makes this program an init when it is called as one.
func TestMain(m *testing.M) {
	Init()
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = Args(args)
	return cmd
}

func status(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

func TestStatus(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want int
	}{
		{[]string{"true"}, 0}, {[]string{"sh", "-c", "exit 7"}, 7}, {[]string{"sh", "-c", "kill -9 $$"}, 137},
		{[]string{"/no/such/program"}, 127}, {[]string{"no-such-program"}, 127}, {[]string{file}, 126},
	} {
		if err := command(t, tc.args...).Run(); status(err) != tc.want {
			t.Errorf("%v: %v, want %d", tc.args, err, tc.want)
		}
	}
}

func TestForward(t *testing.T) {
	for signal, want := range map[unix.Signal]int{unix.SIGTERM: 15, unix.SIGHUP: 1, unix.SIGUSR2: 12} {
		cmd := command(t, "sh", "-c", "for s in 1 12 15; do trap \"exit $s\" $s; done; echo ready; while :; do sleep 0.05; done")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); status(err) != want {
			t.Errorf("%s: %v, want %d", signal, err, want)
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("%s: took %s", signal, took)
		}
	}
}

// As the first process of a pid namespace, the init is the parent of all orphans.
func TestReap(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a pid namespace takes root")
	}
	const orphans = `for i in 1 2 3 4 5; do (sh -c "sleep 0.05 & exit" &); done; sleep 0.5; ps -o stat= -A 2>/dev/null | grep -c Z; exit 3`
	cmd := command(t, "sh", "-c", "mount -t proc proc /proc; "+orphans)
	cmd.Path = "/proc/self/exe"
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Unshareflags: unix.CLONE_NEWNS}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); status(err) != 3 || strings.TrimSpace(out.String()) != "0" {
		t.Errorf("%v, zombies: %s", err, out.String())
	}
}

func TestArgs(t *testing.T) {
	args := []string{"/bin/app", "-x"}
	if got, ok := Program(Args(args)); !ok || !slices.Equal(got, args) {
		t.Errorf("%v, %v", got, ok)
	}
	for _, other := range [][]string{{"kuke"}, {Path}, {Path, "--"}, {"/bin/app", "--", "x"}} {
		if got, ok := Program(other); ok || !slices.Equal(got, other) {
			t.Errorf("%v: %v", other, got)
		}
	}
}

func TestFind(t *testing.T) {
	none := errors.New("none")
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	if got, err := Find(func() (string, error) { return "", none }); !errors.Is(err, none) {
		t.Errorf("%q, %v", got, err)
	}
	script := filepath.Join(dir, "tini")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Neither is a program without libraries.
	if got, err := Find(func() (string, error) { return script, nil }); err == nil || !strings.Contains(err.Error(), "apt-get install tini") {
		t.Errorf("%q, %v", got, err)
	}
}
