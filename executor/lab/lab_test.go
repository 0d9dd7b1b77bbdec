package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/lab"
)

func TestUnified(t *testing.T) {
	requireLab(t)
	before := mounts(t)
	v := look(t, lab.Options{})
	checkView(t, v)
	if v.CgroupFS != unix.CGROUP2_SUPER_MAGIC {
		t.Errorf("/sys/fs/cgroup is a file system of type %x, want cgroup2", v.CgroupFS)
	}
	if v.Own != "/init" {
		t.Errorf("the command is in cgroup %q, want /init: else no controller can be enabled", v.Own)
	}
	checkGone(t, before)
}

func TestHybrid(t *testing.T) {
	requireLab(t)
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		_, err := lab.Run(t.Context(), lab.Options{Cgroup: lab.Hybrid, Command: []string{"true"}})
		if err == nil || !strings.Contains(err.Error(), "cgroup v2 only") {
			t.Fatalf("Run on a host with cgroup v2 only = %v", err)
		}
		return
	}
	before := mounts(t)
	v := look(t, lab.Options{Cgroup: lab.Hybrid})
	checkView(t, v)
	if v.CgroupFS != unix.TMPFS_MAGIC {
		t.Errorf("/sys/fs/cgroup is a file system of type %x, want tmpfs", v.CgroupFS)
	}
	host, _ := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if !slices.Equal(v.Hierarchy, host) {
		t.Errorf("hierarchies in the lab %v, on the host %v", v.Hierarchy, host)
	}
	checkGone(t, before)
}

func checkView(t *testing.T, v view) {
	t.Helper()
	if !v.Inside || v.Host != "kuke-lab" || v.Version == "" || !v.Passwd {
		t.Errorf("view = %+v", v)
	}
	if len(v.Before) > 0 {
		t.Errorf("seen of another lab or the host: %v", v.Before)
	}
	if v.Loopback != "0x9" {
		t.Errorf("flags of lo = %s, want 0x9 (up, loopback)", v.Loopback)
	}
}

// checkGone looks for remains of this process's labs on the host.
func checkGone(t *testing.T, mountsBefore string) {
	t.Helper()
	if left := cgroupsOf(os.Getpid()); len(left) > 0 {
		t.Errorf("cgroups left: %v", left)
	}
	for _, dir := range marks() {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s was made on the host", dir)
		}
	}
	if after := mounts(t); after != mountsBefore {
		t.Errorf("mounts of the host before:\n%s\nafter:\n%s", mountsBefore, after)
	}
}

func TestThreeAtOnce(t *testing.T) {
	requireLab(t)
	before, meet := mounts(t), t.TempDir()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { checkView(t, look(t, lab.Options{}, envMeet+"="+meet)) })
	}
	wg.Wait()
	checkGone(t, before)
}

func TestNested(t *testing.T) {
	requireLab(t)
	before := mounts(t)
	out, code, err := capture(t, lab.Options{
		Command: append([]string{executable(t)}, shell("hostname; ls -d /opt/kukeon/*; exit 9")...),
		Env:     append(os.Environ(), envRole+"=outer"),
	})
	if err != nil || code != 9 || !strings.HasPrefix(out, "kuke-lab\n") {
		t.Errorf("Run = %d, %v; output: %s", code, err, out)
	}
	checkGone(t, before)
}

func TestExitCode(t *testing.T) {
	requireLab(t)
	for script, want := range map[string]int{
		"exit 0":     0,
		"exit 3":     3,
		"kill -9 $$": 137,
		// Orphans are reaped, or the loop would find them as zombies for ever.
		"for i in 1 2 3; do (sleep 0.1 &); done; sleep 1; grep -l 'State:.Z' /proc/[0-9]*/status; test $? = 1": 0,
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			if out, code, err := capture(t, lab.Options{Command: shell(script)}); err != nil || code != want {
				t.Errorf("Run = %d, %v, want %d; output: %s", code, err, want, out)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	requireLab(t)
	broken := filepath.Join(t.TempDir(), "containerd")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no space for anything; exit 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]lab.Options{
		`"no-such-program": executable file not found in $PATH`:  {Command: []string{"no-such-program"}},
		"enter the working directory in the lab: chdir /no/such": {Dir: "/no/such", Command: []string{"true"}},
		`cgroup mode "v3"`:        {Cgroup: "v3", Command: []string{"true"}},
		"/no/such/containerd":     {Containerd: "/no/such/containerd"},
		"no space for anything":   {Containerd: broken},
		"it exited with status 3": {Containerd: broken},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			out, code, err := capture(t, o)
			if err == nil || code == 0 || !strings.Contains(err.Error(), want) {
				t.Errorf("Run = %d, %v; output: %s", code, err, out)
			}
		})
	}
}

func TestMissingContainerd(t *testing.T) {
	requireLab(t)
	_, err := lab.Run(t.Context(), lab.Options{Containerd: "containerd-of-tomorrow"})
	if !errors.Is(err, exec.ErrNotFound) || !strings.Contains(err.Error(), "apt-get install containerd runc") {
		t.Errorf("Run = %v", err)
	}
}

func TestCancel(t *testing.T) {
	requireLab(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	code, err := lab.Run(ctx, lab.Options{Command: shell("sleep 1000")})
	if code != 128+15 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Run = %d, %v", code, err)
	}
}

// A process in a frozen v1 cgroup can't die, and neither could the lab then.
func TestFrozen(t *testing.T) {
	requireLab(t)
	mode, freeze := lab.Unified, "mkdir -p /sys/fs/cgroup/a/b; echo $! >/sys/fs/cgroup/a/b/cgroup.procs; echo 1 >/sys/fs/cgroup/a/cgroup.freeze"
	if lab.Check(lab.Options{Cgroup: lab.Hybrid}) == nil {
		mode, freeze = lab.Hybrid, `
			cd /sys/fs/cgroup/freezer; mkdir -p a/b; echo $! >a/b/cgroup.procs; echo FROZEN >a/freezer.state
			until grep -q FROZEN a/b/freezer.state; do sleep 0.01; done`
	}
	before, start := mounts(t), time.Now()
	out, code, err := capture(t, lab.Options{Cgroup: mode, Command: shell("sleep 1000 & " + freeze + "; exit 4")})
	if err != nil || code != 4 {
		t.Errorf("Run = %d, %v; output: %s", code, err, out)
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("the lab took %s", d)
	}
	checkGone(t, before)
}

// The next lab removes the remains of two killed processes; cgroups in use stay.
func TestSweep(t *testing.T) {
	requireLab(t)
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/cgroup.procs"); err != nil {
		root += "/unified"
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	stale := fmt.Sprintf("%s/kuke-lab-%d-stale", root, dead.ProcessState.Pid())
	used := fmt.Sprintf("%s/kuke-lab-%d-used", root, dead.ProcessState.Pid())
	for _, dir := range []string{stale + "/a/b", used + "/a"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	user := exec.Command("sleep", "1000")
	if err := user.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = user.Process.Kill()
		_ = user.Wait()
		for _, dir := range []string{used + "/a", used} {
			if err := unix.Rmdir(dir); err != nil {
				t.Error(err)
			}
		}
	})
	if err := os.WriteFile(used+"/a/cgroup.procs", fmt.Append(nil, user.Process.Pid), 0); err != nil {
		t.Fatal(err)
	}
	if code, err := lab.Run(t.Context(), lab.Options{Command: []string{"true"}}); err != nil || code != 0 {
		t.Fatalf("Run = %d, %v", code, err)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Errorf("%s is still there", stale)
	}
	if _, err := os.Stat(used + "/a"); err != nil {
		t.Errorf("a cgroup in use was removed: %v", err)
	}
}
