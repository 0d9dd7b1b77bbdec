package runtime

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/lab"
)

// counts reports whether the daemon knows policies and counts.
func (h *host) counts() bool {
	h.t.Helper()
	policies, err := h.RestartPolicies(h.ctx)
	h.must(err)
	if !slices.Contains(policies, "always") {
		h.t.Fatalf("policies %v", policies)
	}
	return slices.Contains(policies, "on-failure")
}

func (h *host) kill(id string) (pid uint32) {
	h.t.Helper()
	pid = h.find(id).PID
	h.must(syscall.Kill(int(pid), syscall.SIGKILL))
	return pid
}

// awaitRestart waits until the monitor has started another task in place of that with the pid.
func (h *host) awaitRestart(id string, pid uint32) Container {
	h.t.Helper()
	for begin := time.Now(); time.Since(begin) < 40*time.Second; time.Sleep(50 * time.Millisecond) {
		if c := h.find(id); c.Status == StatusRunning && c.PID != pid {
			return c
		}
	}
	h.t.Fatalf("%s isn't restarted: %+v", id, h.find(id))
	return Container{}
}

func TestRestartLabels(t *testing.T) {
	h := newHost(t)
	h.image()
	unknown := 0
	if !h.counts() {
		unknown = -1
	}
	h.start(h.options("a", sh("exec sleep 100")))
	labels := len(h.find("a").Labels)
	log := filepath.Join(h.dir, "with space, %41 and ?#.log")
	for _, policy := range []string{"always", "no", "on-failure", "on-failure:3", "on-failure:3", "", "unless-stopped"} {
		h.must(h.SetRestart(h.ctx, h.ns, "a", policy, log))
		c, want := h.find("a"), policy
		if policy == "no" {
			want = ""
		}
		if count := c.RestartCount; c.RestartPolicy != want || want == "" && (count != 0 || len(c.Labels) != labels) || want != "" && count != unknown {
			t.Errorf("%q: %+v", policy, c)
		}
	}
	uri := h.find("a").Labels[restart.LogURILabel]
	if want := "file://" + strings.NewReplacer(" ", "%20", "%41", "%2541", "?", "%3F", "#", "%23").Replace(log); uri != want {
		t.Errorf("log %s instead of %s", uri, want)
	}
	for _, policy := range []string{"never", "always:3", "on-failure:x", "on-failure:", "on-failure:-1", "on-failure:1:2"} {
		if err := h.SetRestart(h.ctx, h.ns, "a", policy, log); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s: %v", policy, err)
		}
	}
	if err := h.SetRestart(h.ctx, h.ns, "a", "always", "relative"); err == nil {
		t.Error("a relative log is taken")
	}
	if err := h.SetRestart(h.ctx, h.ns, "b", "always", log); !errdefs.IsNotFound(err) {
		t.Errorf("no container: %v", err)
	}
	// The count belongs to the policy, and setting the same again leaves it.
	h.must(h.SetLabels(h.ctx, h.ns, "a", map[string]string{restart.CountLabel: "4"}, nil))
	h.must(h.SetRestart(h.ctx, h.ns, "a", "unless-stopped", log))
	if c := h.find("a"); c.RestartCount != 4 {
		t.Errorf("%+v", c)
	}
	h.must(h.SetRestart(h.ctx, h.ns, "a", "always", log))
	if c := h.find("a"); c.RestartCount != unknown {
		t.Errorf("%+v", c)
	}
	// Whoever starts it says where the log is.
	h.kill("a")
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	if c := h.find("a"); c.RestartPolicy != "always" || c.Labels[restart.LogURILabel] != "file://"+h.log("a") {
		t.Errorf("%+v", c)
	}
	h.must(h.stop(h.ctx, h.ns, "a", "KILL", time.Second))
	if c := h.find("a"); c.RestartPolicy != "" || c.RestartCount != 0 {
		t.Errorf("stopped: %+v", c)
	}
}

// One run of the monitor, which looks every ten seconds, is to show all that it does.
func TestRestart(t *testing.T) {
	if lab.Mode() == lab.Hybrid {
		return // where cgroups are mounted makes no difference to this
	}
	h := newHost(t)
	h.image()
	counts := h.counts()
	pin := "/run/kuke-test-restart"
	h.must(netns.Create(pin))
	defer func() { h.must(netns.Remove(pin)) }()
	inode, err := netns.PinInode(pin)
	h.must(err)
	for _, c := range []struct{ id, policy, script string }{
		{"always", "always", "echo up; exec sleep 100"},
		{"stopped", "always", "exec sleep 100"},
		{"down", "always", "exec sleep 100"},
		{"once", "on-failure:1", "echo up; exit 3"},
		{"done", "on-failure", "echo up; exit 0"},
		{"unless", "unless-stopped", "exec sleep 100"},
		{"none", "no", "exec sleep 100"},
	} {
		o := h.options(c.id, sh(c.script))
		o.NetNSPath = pin
		h.start(o)
		h.must(h.SetRestart(h.ctx, h.ns, c.id, c.policy, h.log(c.id)))
	}
	// One is stopped while it runs, one when it is down already and the monitor about to start it.
	h.must(h.stop(h.ctx, h.ns, "stopped", "KILL", time.Second))
	h.kill("down")
	h.await("down", StatusStopped)
	h.must(h.stop(h.ctx, h.ns, "down", "KILL", time.Second))
	for _, id := range []string{"stopped", "down"} {
		if c := h.find(id); c.Status != "" {
			t.Errorf("%+v", c)
		}
	}
	begin := time.Now()
	killed := map[string]uint32{}
	for _, id := range []string{"always", "unless", "none"} {
		killed[id] = h.kill(id)
	}
	for _, id := range []string{"always", "unless"} {
		c := h.awaitRestart(id, killed[id])
		t.Logf("%s is restarted after %s", id, time.Since(begin))
		if got, err := netns.Inode(int(c.PID)); err != nil || got != inode {
			t.Errorf("network namespace %d, pinned %d, %v", got, inode, err)
		}
		if want := map[bool]int{true: 1, false: -1}[counts]; c.RestartCount != want {
			t.Errorf("count %d of %s, not %d", c.RestartCount, id, want)
		}
	}
	if !h.prints("always", "up\nup\n") {
		t.Errorf("log %q", h.output("always"))
	}
	if info, err := os.Stat(h.log("always")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("log %v, %v", info.Mode(), err)
	}
	if c := h.find("none"); c.Status != StatusStopped || c.ExitCode != 137 {
		t.Errorf("%+v", c)
	}
	// Two more looks of the monitor, which then stay without effect.
	time.Sleep(time.Until(begin.Add(32 * time.Second)))
	for _, id := range []string{"stopped", "down"} {
		if c := h.find(id); c.Status != "" {
			t.Errorf("%+v", c)
		}
	}
	once, done := strings.Count(h.output("once"), "up"), strings.Count(h.output("done"), "up")
	t.Logf("on-failure:1 ran %d times, on-failure with success %d times", once, done)
	if counts {
		if c := h.find("once"); once != 2 || c.Status != StatusStopped || c.ExitCode != 3 || c.RestartCount != 1 || c.RestartPolicy != "on-failure:1" {
			t.Errorf("once ran %d times: %+v", once, c)
		}
		if done != 1 {
			t.Errorf("done ran %d times", done)
		}
	} else if once < 3 || done < 3 {
		t.Error("this daemon knows policies: document it")
	}
	h.must(h.Start(h.ctx, h.ns, "always", h.log("always")))
	// A start from here gives it another one.
	h.must(h.Start(h.ctx, h.ns, "once", h.log("once")))
	if c := h.find("once"); c.RestartPolicy != "on-failure:1" || counts && c.RestartCount != 0 {
		t.Errorf("%+v", c)
	}
}

func (h *host) prints(id, want string) bool {
	for range 500 {
		if h.output(id) == want {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// The monitor makes a task while its container goes: what then is left can be ended by nobody but through the container.
func TestOrphanedTask(t *testing.T) {
	h := newHost(t)
	h.image()
	for _, id := range []string{"a", "b"} {
		h.start(h.options(id, sh("exec sleep 100")))
		h.must(h.SetRestart(h.ctx, h.ns, id, "always", h.log(id)))
	}
	ctx := in(h.ctx, h.ns)
	container, err := h.c.LoadContainer(ctx, "a")
	h.must(err)
	pid := h.find("a").PID
	h.must(h.c.ContainerService().Delete(ctx, "a"))
	h.must(h.reviveOrphaned(ctx, container))
	if c := h.find("a"); c.PID != pid || c.RestartPolicy != "" || c.Labels["kukeon.io/path"] == "" {
		t.Errorf("%+v", c)
	}
	h.must(h.Remove(h.ctx, h.ns, "a"))
	if err := syscall.Kill(int(pid), 0); err == nil {
		t.Error("its process is left")
	}
	if made, err := h.hasTraces(ctx, "a"); made || err != nil {
		t.Errorf("a task is left, %v", err)
	}
	// The other lives on.
	if c := h.find("b"); c.Status != StatusRunning {
		t.Errorf("%+v", c)
	}
	h.must(h.Remove(h.ctx, h.ns, "b"))
}

// newBusyMonitor returns a host with a containerd of its own, whose restart monitor looks all the time: that gives every
// race with it.
func newBusyMonitor(t *testing.T, interval string) *host {
	t.Helper()
	h := newHost(t)
	dir := "/run/kuke-busy"
	h.must(os.MkdirAll(dir, 0o711))
	address, config := filepath.Join(dir, "containerd.sock"), filepath.Join(dir, "config.toml")
	h.must(os.WriteFile(config, []byte(fmt.Sprintf(`version = 2
root = "%[1]s/root"
state = "%[1]s"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]
[grpc]
  address = "%[2]s"
[plugins."io.containerd.internal.v1.restart"]
  interval = "%[3]s"
`, dir, address, interval)), 0o644))
	log, err := os.Create(filepath.Join(dir, "log"))
	h.must(err)
	defer log.Close()
	daemon := exec.Command("containerd", "--config", config)
	daemon.Stdout, daemon.Stderr = log, log
	h.must(daemon.Start())
	t.Cleanup(func() {
		h.must(daemon.Process.Signal(syscall.SIGTERM))
		if err := daemon.Wait(); err != nil {
			t.Error(err)
		}
		h.must(os.RemoveAll(dir))
	})
	busy := *h
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if busy.Client, err = Dial(h.ctx, DialOptions{Address: address, CallTimeout: time.Minute}); err == nil {
			break
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatal(err)
		}
	}
	busy.ns += "-busy"
	h.must(busy.EnsureNamespace(h.ctx, busy.ns, nil))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		list, err := busy.List(ctx, busy.ns)
		h.must(err)
		for _, c := range list {
			if err := busy.Remove(ctx, busy.ns, c.ID); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(busy.RemoveNamespace(ctx, busy.ns), busy.Close()); err != nil {
			t.Error(err)
		}
	})
	return &busy
}

// shimsOf returns the shims of the host's namespace, whatever container they are of.
func (h *host) shimsOf() (n int) {
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	h.must(err)
	for _, file := range processes {
		data, _ := os.ReadFile(file)
		args := strings.Split(string(data), "\x00")
		if filepath.Base(args[0]) == shimProgram && slices.Contains(args, h.ns) {
			n++
		}
	}
	return n
}

// At any moment of what the monitor does, the container is stopped, started or removed.
func TestRacesWithMonitor(t *testing.T) {
	if lab.Mode() == lab.Hybrid {
		return // where cgroups are mounted makes no difference to this
	}
	h := newBusyMonitor(t, "5ms")
	h.image()
	ids := []string{"a", "b", "c"}
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() { h.race(id, 6) })
	}
	wg.Wait()
	for range 100 {
		if h.shimsOf() == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := h.shimsOf(); n > 0 {
		t.Errorf("%d shims are left", n)
	}
	for _, id := range ids {
		if h.left.hasTraces(h.ns, id) {
			t.Errorf("traces of the task of %s are left", id)
		}
	}
}

func (h *host) race(id string, rounds int) {
	moment := func() { time.Sleep(rand.N(250 * time.Millisecond)) }
	fail := func(round int, what string, err error) {
		if err != nil {
			h.t.Errorf("%s, round %d: %s: %v", id, round, what, err)
		}
	}
	down := func(round int, what string) {
		time.Sleep(150 * time.Millisecond)
		if c := h.find(id); c.Status != "" || c.RestartPolicy != "" {
			h.t.Errorf("%s, round %d: %s: %s under %q", id, round, what, c.Status, c.RestartPolicy)
		}
	}
	for round := range rounds {
		script := []string{"echo up; exec sleep 100", "echo up; exit 1", "echo up; sleep 0.1; exit 1"}[round%3]
		fail(round, "create", h.Create(h.ctx, h.ns, h.options(id, sh(script))))
		fail(round, "start", h.Start(h.ctx, h.ns, id, h.log(id)))
		fail(round, "policy", h.SetRestart(h.ctx, h.ns, id, "always", h.log(id)))
		moment()
		if pid := h.find(id).PID; pid != 0 {
			_ = syscall.Kill(int(pid), syscall.SIGKILL)
			moment()
		}
		fail(round, "start beside", h.Start(h.ctx, h.ns, id, h.log(id)))
		moment()
		if round%2 == 0 {
			fail(round, "stop", h.stop(h.ctx, h.ns, id, "TERM", 10*time.Millisecond))
			down(round, "after stop")
			fail(round, "start again", h.Start(h.ctx, h.ns, id, h.log(id)))
			fail(round, "policy again", h.SetRestart(h.ctx, h.ns, id, "on-failure:100", h.log(id)))
			moment()
			fail(round, "no policy", h.SetRestart(h.ctx, h.ns, id, "no", h.log(id)))
			if c := h.find(id); c.RestartPolicy != "" {
				h.t.Errorf("%s, round %d: %+v", id, round, c)
			}
			fail(round, "policy a third time", h.SetRestart(h.ctx, h.ns, id, "always", h.log(id)))
			moment()
		}
		fail(round, "remove", h.Remove(h.ctx, h.ns, id))
		time.Sleep(100 * time.Millisecond)
		if c := h.find(id); c.ID != "" {
			h.t.Errorf("%s, round %d: it is left: %+v", id, round, c)
		}
		if _, err := h.c.SnapshotService(snapshotterName).Stat(in(h.ctx, h.ns), id); !errdefs.IsNotFound(err) {
			h.t.Errorf("%s, round %d: its snapshot is left: %v", id, round, err)
		}
		if made, err := h.hasTraces(in(h.ctx, h.ns), id); made || err != nil {
			h.t.Errorf("%s, round %d: a task is left, %v", id, round, err)
		}
	}
}
