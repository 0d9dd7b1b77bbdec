package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A lab in which more tests fail than maxFailed is broken, and each further test would only wait for its timeouts.
const maxFailed = 5

// broken says since when the lab is broken, else it is empty; failed counts the failed tests.
var (
	broken string
	failed int
)

// checkLab fails the test if the lab is broken.
func checkLab(t interface{ Fatal(...any) }) {
	if broken != "" {
		t.Fatal("not run: the lab is broken since " + broken)
	}
}

// diagnose checks, after a failed test, that the lab's containerd still works. If it does not, it prints the stacks of containerd and
// the kernel functions in which the processes of the lab sleep.
func diagnose(t *testing.T) {
	if !t.Failed() || broken != "" {
		return
	}
	if failed++; failed > maxFailed {
		broken = t.Name()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	const probe = "probe"
	err := exec.CommandContext(ctx, "ctr", "namespaces", "create", probe).Run()
	if err == nil {
		err = exec.CommandContext(ctx, "ctr", "namespaces", "remove", probe).Run()
	}
	if err == nil {
		return
	}
	broken = t.Name()
	t.Logf("containerd of the lab does not work: %v", err)
	for _, pid := range processesOf("containerd") {
		_ = syscall.Kill(pid, syscall.SIGUSR1) // it logs the stacks of its goroutines
	}
	time.Sleep(time.Second)
	t.Logf("processes:\n%s", waitingProcesses())
	log, _ := os.ReadFile("/var/log/containerd.log")
	const most = 60_000
	t.Logf("end of the log of containerd:\n%s", log[max(0, len(log)-most):])
}

// waitingProcesses lists the processes of the lab with their state, the kernel functions that their threads sleep in, and the
// command line.
func waitingProcesses() string {
	var b strings.Builder
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		stat, _ := os.ReadFile(filepath.Join(dir, "stat"))
		_, state, _ := strings.Cut(string(stat), ") ")
		state, _, _ = strings.Cut(state, " ")
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		functions := map[string]int{}
		threads, _ := filepath.Glob(filepath.Join(dir, "task/*/wchan"))
		for _, file := range threads {
			name, _ := os.ReadFile(file)
			functions[string(name)]++
		}
		fmt.Fprintf(&b, "%s %s %v %.150s\n", filepath.Base(dir), state, functions, strings.ReplaceAll(string(line), "\x00", " "))
	}
	return b.String()
}
