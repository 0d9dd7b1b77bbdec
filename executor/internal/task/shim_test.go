package task_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/task"
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
	h := labhost.NewHost(t)
	h.ImportImage()
	for _, id := range []string{"root", "side"} {
		h.Start(h.Options(id, labhost.Sh("exec sleep 100")))
	}
	root := h.Find("root")
	if err := syscall.Kill(shimOf(t, root.PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	for time.Since(begin) < 10*time.Second && syscall.Kill(int(root.PID), 0) == nil {
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("root is gone after %s: %+v", time.Since(begin), h.Find("root"))
	time.Sleep(200 * time.Millisecond)
	t.Logf("side: %q", h.Find("side").Status)
	for _, id := range []string{"root", "side"} {
		begin := time.Now()
		h.Must(task.Start(h.Ctx, h.Client, h.NS, id, h.Log(id)))
		c := h.Find(id)
		if c.Status != containers.StatusRunning || syscall.Kill(int(c.PID), 0) != nil {
			t.Errorf("%s: %+v", id, c)
		}
		t.Logf("%s started again in %s", id, time.Since(begin))
		h.Must(h.Stop(h.Ctx, h.NS, id, "KILL", time.Second))
	}
}

// Whoever waits for an exit gets the code although the shim is gone before it has said so: containerd tells of it as well.
func TestWaitOutlivesShim(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Start(h.Options("a", labhost.Sh("exec sleep 100")))
	for i := range 5 {
		h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if exit, err := task.Wait(h.Ctx, h.Client, h.NS, "a"); err != nil || exit.Code != 137 {
					t.Errorf("%d: code %d, %v", i, exit.Code, err)
				}
			})
		}
		time.Sleep(200 * time.Millisecond) // until the daemon has been asked, also on a busy host
		h.Must(syscall.Kill(shimOf(t, h.Find("a").PID), syscall.SIGKILL))
		wg.Wait()
	}
}
