package cgroup

import (
	"errors"
	"io/fs"
	"os/exec"
	"testing"
	"time"
)

// The usage of a busy process shows in its cgroup and in those above; numbers that are not accounted for are negative.
func TestUsage(t *testing.T) {
	tree := open(t)
	busy := leaf(t, tree, "/kukeon/a/b")
	cmd := exec.Command("sh", "-c", "while true; do :; done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	enter(t, tree, busy, cmd.Process)
	time.Sleep(500 * time.Millisecond)
	for _, cgroup := range []string{busy, "/kukeon"} {
		u, err := tree.Usage(cgroup)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %+v", cgroup, u)
		if u.CPU < 20*time.Millisecond || u.CPU > time.Minute {
			t.Errorf("%s used %s", cgroup, u.CPU)
		}
		have := tree.Controllers()
		if have["pids"] != (u.PIDs == 1) || !have["pids"] && u.PIDs != -1 {
			t.Errorf("%s has %d processes", cgroup, u.PIDs)
		}
		if have["memory"] != (u.Memory >= 0) {
			t.Errorf("%s has %d bytes", cgroup, u.Memory)
		}
		if have[swapController] != (u.Swap >= 0) {
			t.Errorf("%s has %d bytes in swap", cgroup, u.Swap)
		}
	}
	if _, err := tree.Usage("/kukeon/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
