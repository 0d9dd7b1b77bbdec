package runtime

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shimOf returns the pid of the shim that the process is a child of.
func shimOf(t *testing.T, pid uint32) int {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(int(pid)), "status"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "PPid:\t")
	line, _, _ := strings.Cut(rest, "\n")
	shim, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return shim
}

func TestKilledShim(t *testing.T) {
	h := newHost(t)
	h.image()
	for _, id := range []string{"root", "side"} {
		h.start(h.options(id, sh("exec sleep 100")))
	}
	root := h.find("root")
	if err := syscall.Kill(shimOf(t, root.PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for time.Since(begin) < 10*time.Second && syscall.Kill(int(root.PID), 0) == nil {
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("root is gone after %s: %+v", time.Since(begin), h.find("root"))
	time.Sleep(200 * time.Millisecond)
	t.Logf("side: %q", h.find("side").Status)
	for _, id := range []string{"root", "side"} {
		begin := time.Now()
		h.must(h.Start(h.ctx, h.ns, id, h.log(id)))
		c := h.find(id)
		if c.Status != StatusRunning || syscall.Kill(int(c.PID), 0) != nil {
			t.Errorf("%s: %+v", id, c)
		}
		t.Logf("%s started again in %s", id, time.Since(begin))
		h.must(h.stop(h.ctx, h.ns, id, "KILL", time.Second))
	}
}
