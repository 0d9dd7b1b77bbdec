package runtime

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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

// Whoever waits for an exit gets the code although the shim is gone before it has said so: containerd tells of it as well.
func TestWaitOutlivesShim(t *testing.T) {
	h := newHost(t)
	h.image()
	h.start(h.options("a", sh("exec sleep 100")))
	for i := range 5 {
		h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if exit, err := h.Wait(h.ctx, h.ns, "a"); err != nil || exit.Code != 137 {
					t.Errorf("%d: code %d, %v", i, exit.Code, err)
				}
			})
		}
		time.Sleep(200 * time.Millisecond) // until the daemon has been asked, also on a busy host
		h.must(syscall.Kill(shimOf(t, h.find("a").PID), syscall.SIGKILL))
		wg.Wait()
	}
}
