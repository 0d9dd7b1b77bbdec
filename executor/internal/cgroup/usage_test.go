package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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

// The cache of files, which the kernel can drop, does not press; the memory of file systems in memory does.
func TestPressing(t *testing.T) {
	for mode, files := range map[string]map[string]string{
		V2: {
			"memory.current": "1000\n", "pids.current": "1\n",
			"memory.stat": "anon 300\nfile 600\nshmem 200\ninactive_anon 200\nactive_anon 300\ninactive_file 350\nactive_file 50\n",
		},
		V1: {
			"memory.usage_in_bytes": "1000\n", "pids.current": "1\n",
			"memory.stat": "cache 1\ninactive_file 2\nactive_file 3\ntotal_cache 600\ntotal_inactive_file 350\ntotal_active_file 50\n",
		},
	} {
		root := t.TempDir()
		tree := fake(t, root, mode)
		if got, err := tree.Pressing("/kukeon"); err != nil || got > 0 {
			t.Errorf("%s: %d, %v without files", mode, got, err)
		}
		for file, text := range files {
			if err := os.WriteFile(filepath.Join(root, "kukeon", file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := tree.Pressing("/kukeon"); err != nil || got != 600 {
			t.Errorf("%s: %d, %v", mode, got, err)
		}
		if _, err := tree.Pressing("/kukeon/none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", mode, err)
		}
	}
}
