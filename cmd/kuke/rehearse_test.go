package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// contentOf returns all that a namespace of containerd holds.
func contentOf(t *testing.T, ns string) string {
	t.Helper()
	var all strings.Builder
	for _, args := range [][]string{{"content", "ls", "-q"}, {"images", "ls", "-q"}, {"snapshots", "ls"}, {"leases", "ls"}, {"tasks", "ls"}} {
		out, err := exec.Command("ctr", append([]string{"-n", ns}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("ctr %v: %v: %s", args, err, out)
		}
		all.Write(out)
	}
	return all.String()
}

// An image that only a registry has comes into the lab, and not into the containerd of the host.
func TestRehearsalPulls(t *testing.T) {
	dir := crashHost(t)
	layer, err := os.ReadFile(os.Getenv("KUKE_TEST_ROOTFS"))
	if err != nil {
		t.Fatal(err)
	}
	// The layer differs from that of the imported image.
	const block = 512
	layer = append(layer, make([]byte, 20*block)...)
	image, server := serveImage(t, layer, func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(layer))
	}, func() {})
	defer server.Close()
	text := strings.Replace(withImage("x", image), "{ image = \""+image+"\" }", "{\nimage = \""+image+"\"\ncommand = \"sleep\"\nargs = [\"3600\"]\n}", 1)
	config := writeConfig(t, dir, "pull.hcl", text)
	before := contentOf(t, "kukeon-crash")
	out := mustKuke(t, "plan", "--rehearse", "-f", config)
	if !strings.Contains(out, "Rehearsal passed") || !strings.Contains(out, "image "+image+": prepared") {
		t.Errorf("the rehearsal says\n%s", out)
	}
	if after := contentOf(t, "kukeon-crash"); after != before {
		t.Errorf("containerd had\n%sand has\n%s", before, after)
	}
}

// labs returns the cgroups of the labs of rehearsals, and their containers in them.
func labs(t *testing.T, below string) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/sys/fs/cgroup/kuke-lab-*", "/sys/fs/cgroup/*/kuke-lab-*"} {
		found, err := filepath.Glob(filepath.Join(pattern, below))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

// A rehearsal that is killed or interrupted leaves nothing.
func TestRehearsalEnds(t *testing.T) {
	dir := crashHost(t)
	endless := strings.Replace(cells(1, "x"), "env = {", "healthcheck {\nexec = [\"false\"]\nstart_period_seconds = 600\n}\nenv = {", 1)
	config := writeConfig(t, dir, "endless.hcl", endless)
	before := contentOf(t, "kukeon-crash")
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		cmd, out := start(t, nil, "plan", "--rehearse", "-f", config)
		await(t, "a container in the lab", func() bool { return len(labs(t, "kukeon/crash/s/t/c0/*root*")) > 0 })
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || sig == syscall.SIGINT && exit.ExitCode() != exitInterrupted {
			t.Errorf("after %v it ended with %v:\n%s", sig, err, out)
		}
		await(t, "the end of the lab", func() bool { return len(labs(t, "")) == 0 })
		if after := contentOf(t, "kukeon-crash"); after != before {
			t.Errorf("after %v, containerd had\n%sand has\n%s", sig, before, after)
		}
	}
}
