package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// sshPort is that of the sshd of tests: each lab has a network of its own.
const sshPort = "2222"

// sshd starts an sshd, on which the host web is this one, with the programs in dir/host in PATH: kuke is one of them. The ssh in
// dir/ssh connects to it, once for all commands, and writes its arguments to dir/ssh.log. Logins there are stored in dir/docker.
func sshd(dir, path string) (stop func(), err error) {
	write := func(name, text string, mode os.FileMode) {
		file := filepath.Join(dir, name)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(file), 0o755)
		}
		if err == nil {
			err = os.WriteFile(file, []byte(text), mode)
		}
	}
	write("host/README", "programs of the host", 0o644)
	write("ssh/ssh", fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s/ssh.log\nexec /usr/bin/ssh -F %[1]s/ssh_config \"$@\"\n", dir), 0o755)
	write("ssh_config", fmt.Sprintf("Host web\n  HostName 127.0.0.1\n  Port %s\n  User root\n  IdentityFile %[2]s/key\n  UserKnownHostsFile %[2]s/known_hosts\n"+
		"  ControlMaster auto\n  ControlPath %[2]s/cm\n  ControlPersist 60\n", sshPort, dir), 0o600)
	write("sshd_config", fmt.Sprintf("ListenAddress 127.0.0.1\nPort %s\nHostKey %[2]s/hostkey\nAuthorizedKeysFile %[2]s/key.pub\nStrictModes no\nUsePAM no\nPidFile none\n"+
		"SetEnv DOCKER_CONFIG=%[2]s/docker KUKE_LAB=%[3]s PATH=%[2]s/host:%[4]s\n", sshPort, dir, os.Getenv("KUKE_LAB"), "/usr/sbin:/usr/bin:/sbin:/bin"), 0o600)
	for _, key := range []string{"hostkey", "key"} {
		if err == nil {
			err = exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).Run()
		}
	}
	if err != nil {
		return nil, err
	}
	public, err := os.ReadFile(filepath.Join(dir, "hostkey.pub"))
	if err != nil {
		return nil, err
	}
	write("known_hosts", "[127.0.0.1]:"+sshPort+" "+string(public), 0o600)
	program, lookErr := lookPath("kuke", path)
	if err == nil {
		err = lookErr
	}
	if err == nil {
		err = os.Symlink(program, filepath.Join(dir, "host", "kuke"))
	}
	if err == nil {
		err = os.MkdirAll("/run/sshd", 0o755) // an empty directory for its processes without rights
	}
	if err != nil {
		return nil, err
	}
	log := filepath.Join(dir, "sshd.log")
	server := exec.Command("/usr/sbin/sshd", "-D", "-E", log, "-f", filepath.Join(dir, "sshd_config"))
	if err := server.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = exec.Command("ssh", "-F", filepath.Join(dir, "ssh_config"), "-O", "exit", "web").Run() // there may be no connection
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	}
	for range 1000 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+sshPort); err == nil {
			c.Close()
			return stop, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	said, _ := os.ReadFile(log)
	return nil, fmt.Errorf("sshd does not listen: %s", said)
}

func lookPath(name, path string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if file := filepath.Join(dir, name); unix.Access(file, unix.X_OK) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("there is no %s in %s", name, path)
}

// startSSHD is the command: sshd; see the function of that name. Its directory is $WORK.
func startSSHD(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: sshd")
	}
	stop, err := sshd(ts.Getenv("WORK"), ts.Getenv("PATH"))
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv("PATH", ts.Getenv("WORK")+"/ssh:"+ts.Getenv("PATH"))
}

// emptyBin is the command: emptybin; until the end of the script /usr/local/bin is empty.
func emptyBin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: emptybin")
	}
	ts.Check(unix.Mount("tmpfs", "/usr/local/bin", "tmpfs", 0, "mode=755"))
	ts.Defer(func() { _ = unix.Unmount("/usr/local/bin", unix.MNT_DETACH) })
}

// onHost starts an sshd for a test, and has kuke run on the host.
func onHost(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	stop, err := sshd(dir, os.Getenv("PATH"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	t.Setenv("PATH", dir+"/ssh:"+os.Getenv("PATH"))
	t.Setenv("KUKE_HOST", "ssh://web")
}

// A terminal is one there too: for approval, for Ctrl-C, and for a command that runs on it, with the size of this one. What is
// typed for a sensitive variable is not shown.
func TestHostTerminal(t *testing.T) {
	dir := crashHost(t)
	onHost(t)
	config := writeConfig(t, dir, "main.hcl", "variable \"word\" {\n  sensitive = true\n}\n"+strings.Replace(cells(1, "x"), `"x"`, "var.word", 1))
	cmd := exec.Command("kuke", "apply", "-f", config)
	term := newTerminal(t, cmd)
	term.sees("var.word")
	term.key("hunter2\n")
	term.sees("Only 'yes' will be accepted")
	term.key("yes\r")
	term.sees("Apply complete: 6 added")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if strings.Contains(term.screen.String(), "hunter2") {
		t.Errorf("the secret shows:\n%s", term.screen.String())
	}

	term = newTerminal(t, exec.Command("sh", "-c", "stty -g >"+dir+"/before; kuke exec -it crash/s/t/c0/root sh; echo exited with $?; stty -g >"+dir+"/after; echo that is all"))
	term.sees("/ #")
	term.key("busybox stty size; echo $TERM.$WORD\r")
	term.sees("24 80")
	term.sees(".hunter2")
	term.leavesShell()
	sameFiles(t, dir+"/before", dir+"/after")

	cmd = exec.Command("kuke", "get", "--watch")
	term = newTerminal(t, cmd)
	term.sees("crash")
	term.key("\x03")
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("interrupted, it exited with %d", code)
	}
}

// The connection breaks while a container waits for its health: kuke says so, the command there ends as after Ctrl-C, and
// leaves neither its lock nor its files.
func TestHostConnectionLost(t *testing.T) {
	dir := crashHost(t)
	onHost(t)
	config := writeConfig(t, dir, "main.hcl", `realm "crash" {
  space "s" {
    stack "t" {
      cell "c" {
        container "first" {
          image   = "busybox"
          command = "/bin/sh"
          args    = `+sleeper+`
          healthcheck {
            exec                 = ["false"]
            interval_seconds     = 1
            start_period_seconds = 600
          }
        }
        container "second" {
          image      = "busybox"
          command    = "/bin/sh"
          args       = `+sleeper+`
          depends_on = [{ name = "first", condition = "healthy" }]
        }
      }
    }
  }
}
`)
	var out strings.Builder
	cmd := exec.Command("kuke", "apply", "--auto-approve", "-f", config)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the first container", func() bool {
		tasks, err := exec.Command("ctr", "-n", "kukeon-crash", "tasks", "ls").Output()
		return err == nil && strings.Contains(string(tasks), "s_t_c_first")
	})
	// ssh is its only child.
	if out, err := exec.Command("pkill", "-P", fmt.Sprint(cmd.Process.Pid)).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitError || !strings.Contains(out.String(), "the connection to ssh://web was lost") {
		t.Errorf("%v:\n%s", err, out.String())
	}
	waitFor(t, "the end of the session", func() bool {
		_, err := os.Stat("/run/kukeon/host")
		return os.IsNotExist(err)
	})
	if out := mustKuke(t, "state", "list"); !strings.Contains(out, "crash/s/t/c/first\n") || strings.Contains(out, "second") {
		t.Errorf("recorded:\n%s", out)
	}
	mustKuke(t, "state", "rebuild") // it takes the lock
}

func waitFor(t *testing.T, event string, happened func() bool) {
	t.Helper()
	for range 3000 {
		if happened() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not come", event)
}
