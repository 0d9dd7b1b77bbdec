package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kukeon/kuke/executor/lab"
)

// sleeper is a command that ends at once when asked to.
const sleeper = `["-c", "trap 'exit 0' TERM; while true; do sleep 3600 & wait $!; done"]`

// cells returns a configuration of n cells of two containers each; word is in an environment variable of all.
func cells(n int, word string) string {
	var b strings.Builder
	b.WriteString("realm \"crash\" {\n  space \"s\" {\n    stack \"t\" {\n")
	for i := range n {
		fmt.Fprintf(&b, "      cell \"c%d\" {\n", i)
		for _, name := range []string{"root", "side"} {
			fmt.Fprintf(&b, "        container %q {\n          image = \"busybox\"\n          command = \"/bin/sh\"\n          args = %s\n          env = { WORD = %q }\n        }\n", name, sleeper, word)
		}
		b.WriteString("      }\n")
	}
	b.WriteString("    }\n  }\n}\n")
	return b.String()
}

// kuke runs kuke and returns its output and exit code.
func kuke(t *testing.T, args ...string) (string, int) {
	t.Helper()
	out, err := exec.Command("kuke", args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

func mustKuke(t *testing.T, args ...string) string {
	t.Helper()
	out, code := kuke(t, args...)
	if code != 0 {
		t.Fatalf("kuke %v exited with %d:\n%s", args, code, out)
	}
	return out
}

// crashHost prepares a realm with an image, and an empty host at the end.
func crashHost(t *testing.T) (dir string) {
	if testing.Short() {
		t.Skip("-short: these tests run real containers")
	}
	checkLab(t)
	t.Cleanup(func() { diagnose(t) })
	t.Cleanup(func() { removeEverything(t.Fatal) })
	mustKuke(t, "image", "import", "--realm", "crash", "--name", "busybox", os.Getenv("KUKE_TEST_ROOTFS"))
	return t.TempDir()
}

func writeConfig(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestKill kills apply with SIGKILL at random moments; the next apply must bring the host to the very same
// result as an undisturbed one, without any repair by hand, and nothing may be left over.
func TestKill(t *testing.T) {
	dir := crashHost(t)
	const cellCount = 3
	rounds := 20
	if lab.Mode() == lab.Hybrid {
		rounds = 6 // where cgroups are mounted makes little difference to this
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	start := time.Now()
	config := writeConfig(t, dir, "first.hcl", cells(cellCount, "first"))
	mustKuke(t, "apply", "--auto-approve", "-f", config)
	whole := time.Since(start)
	killed := 0
	for round := range rounds {
		var args []string
		if round%4 == 3 {
			args = []string{"destroy", "--auto-approve"}
		} else {
			config = writeConfig(t, dir, "round.hcl", cells(cellCount, fmt.Sprint("round", round)))
			args = []string{"apply", "--auto-approve", "-f", config}
		}
		if killAfter(t, time.Duration(random.Int64N(int64(whole))), args...) {
			killed++
		}
		// A destroy may have come as far as the images.
		mustKuke(t, "image", "import", "--realm", "crash", "--name", "busybox", os.Getenv("KUKE_TEST_ROOTFS"))
		mustKuke(t, "apply", "--auto-approve", "-f", config)
		checkConverged(t, config, cellCount)
	}
	t.Logf("%d of %d were killed before they were done", killed, rounds)
	if killed == 0 {
		t.Error("no apply was killed while it ran: the test proves nothing")
	}
	mustKuke(t, "destroy", "--auto-approve")
	if left := leftovers(); left != "" {
		t.Errorf("left on the host:\n%s", left)
	}
}

// killAfter runs kuke, kills it when the time is over and reports whether it still ran.
func killAfter(t *testing.T, wait time.Duration, args ...string) bool {
	t.Helper()
	cmd := exec.Command("kuke", args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled()
}

// checkConverged makes sure that state and host are what the configuration says, and no more.
func checkConverged(t *testing.T, config string, cellCount int) {
	t.Helper()
	if out, code := kuke(t, "plan", "--detailed-exitcode", "-f", config); code != 0 {
		t.Fatalf("the plan after the apply exited with %d:\n%s", code, out)
	}
	count := func(what string, want int, name string, args ...string) {
		out, err := exec.Command(name, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", name, args, err)
		}
		if got := len(strings.Fields(string(out))); got != want {
			t.Errorf("%s: got %d, want %d:\n%s", what, got, want, out)
		}
	}
	containers := 2 * cellCount
	count("containers", containers, "ctr", "-n", "kukeon-crash", "containers", "ls", "-q")
	count("tasks", containers, "ctr", "-n", "kukeon-crash", "tasks", "ls", "-q")
	count("manifests", containers, "sh", "-c", "ls /opt/kukeon/crash/s/t/*/containers/*.yaml")
	count("files in /etc of cells", 3*cellCount, "sh", "-c", "ls /opt/kukeon/crash/s/t/*/network/*")
	count("files beside manifests and logs", 0, "sh", "-c", "find /opt/kukeon/crash -type f ! -name '*.yaml' ! -name '*.log' ! -path '*/network/*'")
	count("bridges", 1, "sh", "-c", "ls -d /sys/class/net/kuke-*")
	count("links of cells", cellCount, "sh", "-c", "ls -d /sys/class/net/veth*")
	count("conflists", 1, "sh", "-c", "ls /etc/cni/net.d")
	count("attachments that CNI remembers", cellCount, "sh", "-c", "ls /run/kukeon/cni/results")
	count("network namespaces", cellCount, "sh", "-c", "ls /run/kukeon/netns")
	count("mounts of them", cellCount, "sh", "-c", "grep -o '/run/kukeon/netns/[^ ]*' /proc/self/mountinfo")
	count("images and active snapshots", containers, "sh", "-c", "ctr -n kukeon-crash snapshots ls | awk '$3 == \"Active\" { print $1 }'")
}

// TestInterrupt presses Ctrl-C while an apply runs: changes under way are finished and recorded, no further
// ones begun, the exit status is 130, and the next apply goes on from there.
func TestInterrupt(t *testing.T) {
	dir := crashHost(t)
	const cellCount = 6
	config := writeConfig(t, dir, "main.hcl", cells(cellCount, "x"))
	cmd := exec.Command("kuke", "apply", "--auto-approve", "--parallelism", "1", "-f", config)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const patience = 20 * time.Second
	deadline := time.Now().Add(patience)
	for matches, _ := filepath.Glob("/opt/kukeon/crash/s/t/*/containers/*.yaml"); len(matches) == 0; matches, _ = filepath.Glob("/opt/kukeon/crash/s/t/*/containers/*.yaml") {
		if time.Now().After(deadline) {
			t.Fatal("no container was made")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Fatalf("apply ended with %v, want exit status %d:\n%s", err, exitInterrupted, out.String())
	}
	for _, want := range []string{"Interrupted. kuke finishes the running changes, each replacement as a whole, starts no others", "interrupted before", "Apply incomplete"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
	plan := mustKuke(t, "plan", "-f", config)
	if strings.Contains(plan, "adopt") || strings.Contains(plan, "replace") {
		t.Errorf("an orderly interrupt left something unrecorded:\n%s", plan)
	}
	mustKuke(t, "apply", "--auto-approve", "-f", config)
	checkConverged(t, config, cellCount)
}

// TestInterruptOnTerminal presses Ctrl-C on a terminal, which signals every process that apply has started too: what is
// under way is finished all the same.
func TestInterruptOnTerminal(t *testing.T) {
	dir := crashHost(t)
	const cellCount, rounds = 6, 8
	config := writeConfig(t, dir, "main.hcl", cells(cellCount, "x"))
	interrupted := 0
	for round := range rounds {
		cmd := exec.Command("kuke", "apply", "--no-color", "--auto-approve", "--parallelism", "1", "-f", config)
		term := newTerminal(t, cmd)
		term.sees("root: created in")
		time.Sleep(time.Duration(90+round*12) * time.Millisecond)
		term.key("\x03")
		err := cmd.Wait()
		term.mu.Lock()
		out := term.screen.String()
		term.mu.Unlock()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == exitInterrupted {
			interrupted++
		} else if err != nil {
			t.Fatalf("apply ended with %v:\n%s", err, out)
		}
		if strings.Contains(out, ": failed after") || strings.Contains(out, "Error: ") {
			t.Fatalf("something was cut short:\n%s", out)
		}
		mustKuke(t, "apply", "--auto-approve", "-f", config)
		checkConverged(t, config, cellCount)
		mustKuke(t, "destroy", "--auto-approve")
		mustKuke(t, "image", "import", "--realm", "crash", "--name", "busybox", os.Getenv("KUKE_TEST_ROOTFS"))
	}
	// A host that is busy with something else may type too late once.
	if interrupted < rounds/2 {
		t.Errorf("%d of %d were interrupted: the test proves nothing", interrupted, rounds)
	}
}

// TestLostTerminal closes the terminal of an apply in the middle of a replacement: that is made whole, and what is printed from
// then on is lost.
func TestLostTerminal(t *testing.T) {
	dir := crashHost(t)
	const stubborn = `["-c", "trap '' TERM; while true; do sleep 1; done"]`
	config := func(word string) string {
		text := strings.ReplaceAll(cells(2, word), sleeper, stubborn+"\n          stop_timeout_seconds = 2")
		return writeConfig(t, dir, "main.hcl", text)
	}
	mustKuke(t, "apply", "--auto-approve", "-f", config("old"))
	cmd := exec.Command("kuke", "apply", "--auto-approve", "--parallelism", "1", "-f", config("new"))
	term := newTerminal(t, cmd)
	term.sees("destroying…")
	// It is gone once the reading of it ends, at the next line.
	if err := term.master.Close(); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted {
		t.Errorf("apply ended with %v", err)
	}
	for _, name := range []string{"c0/root", "c0/side", "c1/root", "c1/side"} {
		mustKuke(t, "exec", "crash/s/t/"+name, "true")
	}
	if plan := mustKuke(t, "plan", "-f", config("new")); !strings.Contains(plan, "crash/s/t/c1/root must be replaced") || strings.Contains(plan, "crash/s/t/c0/") {
		t.Errorf("the next plan:\n%s", plan)
	}
}

// TestInterruptReading presses Ctrl-C while a configuration that takes seconds is worked out.
func TestInterruptReading(t *testing.T) {
	dir := crashHost(t)
	config := writeConfig(t, dir, "main.hcl", `locals {
  all  = range(1000)
  work = length([for x in local.all : length([for y in local.all : length([for z in range(10) : x * y * z])])])
}
realm "crash" { labels = { work = local.work } }`)
	cmd := exec.Command("kuke", "plan", "-f", config)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitCPU(t, cmd.Process.Pid, 300*time.Millisecond)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitInterrupted || !strings.Contains(out.String(), "interrupted: nothing was changed") {
		t.Errorf("it ended with %v:\n%s", err, out.String())
	}
}

// TestTwoAtOnce runs two applies at the same time: one waits or is refused, none breaks the other.
func TestTwoAtOnce(t *testing.T) {
	dir := crashHost(t)
	const cellCount = 3
	config := writeConfig(t, dir, "main.hcl", cells(cellCount, "x"))
	type result struct {
		out  string
		code int
	}
	results := make(chan result, 2)
	for range 2 {
		go func() {
			out, err := exec.Command("kuke", "apply", "--auto-approve", "--lock-timeout", "60s", "-f", config).CombinedOutput()
			code := 0
			if err != nil {
				code = 1
			}
			results <- result{string(out), code}
		}()
	}
	unchanged := 0
	for range 2 {
		r := <-results
		if r.code != 0 {
			t.Errorf("apply failed:\n%s", r.out)
		}
		if strings.Contains(r.out, "No changes.") {
			unchanged++
		}
	}
	if unchanged != 1 {
		t.Errorf("%d of the two applies had nothing to do, want 1", unchanged)
	}
	checkConverged(t, config, cellCount)
}

// awaitCPU returns when the process has worked for as long, however much of the host's processors it gets.
func awaitCPU(t *testing.T, pid int, least time.Duration) {
	t.Helper()
	const ticksPerSecond = 100 // USER_HZ, proc(5)
	for range 2000 {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		// After the name, which is in brackets: utime is the twelfth field.
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		ticks, err := strconv.Atoi(fields[11])
		if err != nil {
			t.Fatal(err)
		}
		if time.Duration(ticks)*time.Second/ticksPerSecond >= least {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("process %d does nothing", pid)
}
