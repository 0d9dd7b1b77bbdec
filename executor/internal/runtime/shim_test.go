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

func TestGroupOutlivesItsMembers(t *testing.T) {
	h := newHost(t)
	h.image()
	for _, id := range []string{"root", "side", "third"} {
		o := h.options(id, sh("exec sleep 100"))
		o.ShimGroup = "main_default_blog_web"
		h.start(o)
	}
	root, side, third := h.find("root"), h.find("side"), h.find("third")
	if a, b := shimOf(t, root.PID), shimOf(t, side.PID); a != b {
		t.Errorf("shims %d and %d", a, b)
	}
	if err := syscall.Kill(int(side.PID), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if c := h.await("side", StatusStopped); c.ExitCode != 137 {
		t.Errorf("%+v", c)
	}
	h.must(h.Remove(h.ctx, h.ns, "root"))
	if c := h.find("third"); c.Status != StatusRunning || c.PID != third.PID {
		t.Errorf("third: %+v", c)
	}
	h.must(h.Start(h.ctx, h.ns, "side", h.log("side")))
	if c := h.find("side"); c.Status != StatusRunning || shimOf(t, c.PID) != shimOf(t, third.PID) {
		t.Errorf("side: %+v", c)
	}
	o := h.options("root", sh("exec sleep 100"))
	o.ShimGroup = "main_default_blog_web"
	h.start(o)
	if c := h.find("root"); c.Status != StatusRunning || shimOf(t, c.PID) != shimOf(t, third.PID) {
		t.Errorf("root: %+v", c)
	}
}

func TestKilledShim(t *testing.T) {
	for name, group := range map[string]string{"alone": "", "together": "cell"} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.image()
			for _, id := range []string{"root", "side"} {
				o := h.options(id, sh("exec sleep 100"))
				o.ShimGroup = group
				h.start(o)
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
				h.must(h.Stop(h.ctx, h.ns, id, "KILL", time.Second))
			}
		})
	}
}

// Two containers of a cell are started at the same time, so both may be the first to want the shim.
func TestGroupStartsAtOnce(t *testing.T) {
	h := newHost(t)
	h.image()
	for round := range 5 {
		failed := make(chan error, 4)
		ids := []string{"a", "b", "c", "d"}
		for _, id := range ids {
			id += strconv.Itoa(round)
			o := h.options(id, sh("exec sleep 100"))
			o.ShimGroup = "cell" + strconv.Itoa(round)
			go func() {
				err := h.Create(h.ctx, h.ns, o)
				if err == nil {
					err = h.Start(h.ctx, h.ns, id, h.log(id))
				}
				failed <- err
			}()
		}
		for range ids {
			if err := <-failed; err != nil {
				t.Error(err)
			}
		}
		for _, id := range ids {
			id += strconv.Itoa(round)
			if c := h.find(id); c.Status != StatusRunning {
				t.Errorf("%s: %+v", id, c)
			}
			go func() { failed <- h.Remove(h.ctx, h.ns, id) }()
		}
		for range ids {
			h.must(<-failed)
		}
	}
}
