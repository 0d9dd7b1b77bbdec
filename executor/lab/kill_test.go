package lab_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/lab"
)

// outer is a lab that belongs to a process of its own.
type outer struct {
	cmd    *exec.Cmd
	stdout *bufio.Reader
}

// startOuter returns when the script has printed its first line, "ready".
func startOuter(t *testing.T, mode lab.CgroupMode, script string) *outer {
	t.Helper()
	cmd := exec.Command(executable(t), shell(script)...)
	cmd.Env = append(os.Environ(), envRole+"=outer", envMode+"="+string(mode))
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	o := &outer{cmd: cmd, stdout: bufio.NewReader(stdout)}
	if line, err := o.stdout.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the lab printed %q: %v", line, err)
	}
	return o
}

// wait returns the exit code.
func (o *outer) wait() int {
	_, _ = io.Copy(io.Discard, o.stdout)
	_ = o.cmd.Wait()
	if ws := o.cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return o.cmd.ProcessState.ExitCode()
}

// processes lists those of the lab, by name; the pids are the host's.
func (o *outer) processes(t *testing.T) map[string][]int {
	t.Helper()
	own := fmt.Sprintf("kuke-lab-%d-", o.cmd.Process.Pid)
	found := map[string][]int{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		args, _ := os.ReadFile(dir + "/cmdline")
		group, _ := os.ReadFile(dir + "/cgroup")
		if !strings.Contains(string(args), own) && !strings.Contains(string(group), own) {
			continue
		}
		name, _, _ := strings.Cut(string(args), "\x00")
		name = filepath.Base(name)
		found[name] = append(found[name], pid)
	}
	return found
}

func TestKilledLeavesNothing(t *testing.T) {
	requireLab(t)
	modes := []lab.CgroupMode{lab.Unified}
	if lab.Check(lab.Options{Cgroup: lab.Hybrid}) == nil {
		modes = append(modes, lab.Hybrid)
	}
	const script = `
		for d in /sys/fs/cgroup /sys/fs/cgroup/memory /sys/fs/cgroup/unified; do
			test -e $d/cgroup.procs && mkdir -p $d/kukeon/a/b && (sleep 1000 & echo $! >$d/kukeon/a/b/cgroup.procs)
		done
		setsid sleep 1000 &
		echo ready; sleep 1000`
	for _, mode := range modes {
		for _, victim := range []string{"outer", "kuke-lab-init", "kuke-lab-janitor", "sh", "outer and janitor"} {
			t.Run(string(mode)+"/"+victim, func(t *testing.T) {
				before := mounts(t)
				o := startOuter(t, mode, script)
				var procs map[string][]int
				eventually(t, func() string {
					procs = o.processes(t)
					for _, name := range []string{"kuke-lab-init", "kuke-lab-janitor", "containerd", "sleep", "sh"} {
						if len(procs[name]) == 0 {
							return fmt.Sprintf("no %s among the processes of the lab: %v", name, procs)
						}
					}
					if len(procs["sh"]) > 1 {
						return "not every background process has been executed"
					}
					return ""
				})
				killStage(t, o, procs, victim)
				checkNothingLeft(t, o, procs, before, victim == "outer and janitor")
			})
		}
	}
}

func killStage(t *testing.T, o *outer, procs map[string][]int, victim string) {
	t.Helper()
	pids := procs[victim]
	switch victim {
	case "outer":
		pids = []int{o.cmd.Process.Pid}
	case "outer and janitor":
		pids = append(procs["kuke-lab-janitor"], o.cmd.Process.Pid)
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	want := 128 + 9
	if victim == "kuke-lab-janitor" {
		// The lab goes on without; its end is the caller's to clean up after.
		time.Sleep(100 * time.Millisecond)
		if err := o.cmd.Process.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		want = 128 + 15
	}
	if code := o.wait(); code != want {
		t.Errorf("exit code %d, want %d", code, want)
	}
}

func checkNothingLeft(t *testing.T, o *outer, procs map[string][]int, mountsBefore string, sweep bool) {
	t.Helper()
	eventually(t, func() string {
		for name, pids := range procs {
			for _, pid := range pids {
				if unix.Kill(pid, 0) == nil {
					return fmt.Sprintf("process %d (%s) still lives", pid, name)
				}
			}
		}
		if left := o.processes(t); len(left) > 0 {
			return fmt.Sprintf("processes left: %v", left)
		}
		return ""
	})
	if sweep {
		// Nobody was left to remove the cgroups: the next lab does.
		if code, err := lab.Run(t.Context(), lab.Options{Cgroup: lab.Unified, Command: []string{"true"}}); err != nil || code != 0 {
			t.Errorf("Run = %d, %v", code, err)
		}
		if lab.Check(lab.Options{Cgroup: lab.Hybrid}) == nil {
			if code, err := lab.Run(t.Context(), lab.Options{Cgroup: lab.Hybrid, Command: []string{"true"}}); err != nil || code != 0 {
				t.Errorf("Run = %d, %v", code, err)
			}
		}
	}
	eventually(t, func() string {
		if left := cgroupsOf(o.cmd.Process.Pid); len(left) > 0 {
			return fmt.Sprintf("cgroups left: %v", left)
		}
		return ""
	})
	if after := mounts(t); after != mountsBefore {
		t.Errorf("mounts of the host before:\n%s\nafter:\n%s", mountsBefore, after)
	}
}

func TestSignalsReachTheCommand(t *testing.T) {
	requireLab(t)
	for i, sig := range []syscall.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			o := startOuter(t, lab.Unified, fmt.Sprintf("trap 'exit 4%d' %d; echo ready; while :; do sleep 0.1; done", i, sig))
			if err := o.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if code := o.wait(); code != 40+i {
				t.Errorf("exit code %d, want %d", code, 40+i)
			}
		})
	}
}

// An interactive shell has job control: Ctrl-C ends its foreground job, not the lab.
func TestTerminal(t *testing.T) {
	requireLab(t)
	master, slave := openPty(t)
	cmd := exec.Command(executable(t), "/bin/sh", "-i")
	cmd.Env = append(os.Environ(), envRole+"=outer", "PS1=prompt> ")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	_ = slave.Close()

	screen := make(chan string, 1024)
	go func() {
		defer close(screen)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			screen <- string(buf[:n])
		}
	}()
	var seen strings.Builder
	expect := func(text string) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for !strings.Contains(seen.String(), text) {
			select {
			case s, ok := <-screen:
				if !ok {
					t.Fatalf("the terminal closed without %q: %q", text, seen.String())
				}
				seen.WriteString(s)
			case <-deadline:
				t.Fatalf("no %q on the terminal: %q", text, seen.String())
			}
		}
		seen.Reset()
	}
	send := func(text string) {
		if _, err := master.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	expect("prompt> ")
	send("echo start$((1+1)); sleep 1000\n")
	expect("start2")
	time.Sleep(200 * time.Millisecond)
	send("\x03")
	expect("prompt> ")
	send("sh -c 'echo start$((2+1)); exec sleep 1000'\n")
	expect("start3") // printed by the job itself, which then is in the foreground
	send("\x1a")
	expect("Stopped")
	send("jobs; kill %1; echo alive$((1+1)); exit 5\n")
	expect("alive2")
	send("exit 5\n") // the first exit warns when there is a stopped job
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
		t.Errorf("the lab ended with %v, want exit code 5", err)
	}
	if left := cgroupsOf(cmd.Process.Pid); !slices.Equal(left, nil) {
		t.Errorf("cgroups left: %v", left)
	}
}

func openPty(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, slave
}
