package task_test

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

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/namespace"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/shim"
	"github.com/kukeon/kuke/executor/internal/snapshot"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/executor/lab"
)

// counts reports whether the daemon knows policies and counts.
func counts(h *labhost.Host) bool {
	h.T.Helper()
	policies, err := monitor.Policies(h.Ctx, h.Client)
	h.Must(err)
	if !slices.Contains(policies, "always") {
		h.T.Fatalf("policies %v", policies)
	}
	return slices.Contains(policies, "on-failure")
}

func kill(h *labhost.Host, id string) (pid uint32) {
	h.T.Helper()
	pid = h.Find(id).PID
	h.Must(syscall.Kill(int(pid), syscall.SIGKILL))
	return pid
}

// awaitRestart waits until the monitor has started another task in place of that with the pid.
func awaitRestart(h *labhost.Host, id string, pid uint32) containers.Container {
	h.T.Helper()
	for begin := time.Now(); time.Since(begin) < 40*time.Second; time.Sleep(50 * time.Millisecond) {
		if c := h.Find(id); c.Status == containers.StatusRunning && c.PID != pid {
			return c
		}
	}
	h.T.Fatalf("%s isn't restarted: %+v", id, h.Find(id))
	return containers.Container{}
}

func TestRestartLabels(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	unknown := 0
	if !counts(h) {
		unknown = -1
	}
	h.Start(h.Options("a", labhost.Sh("exec sleep 100")))
	labels := len(h.Find("a").Labels)
	log := filepath.Join(h.Dir, "with space, %41 and ?#.log")
	for _, policy := range []string{"always", "no", "on-failure", "on-failure:3", "on-failure:3", "", "unless-stopped"} {
		h.Must(monitor.Set(h.Ctx, h.Client, h.NS, "a", policy, log))
		c, want := h.Find("a"), policy
		if policy == "no" {
			want = ""
		}
		if count := c.RestartCount; c.RestartPolicy != want || want == "" && (count != 0 || len(c.Labels) != labels) || want != "" && count != unknown {
			t.Errorf("%q: %+v", policy, c)
		}
	}
	uri := h.Find("a").Labels[restart.LogURILabel]
	if want := "file://" + strings.NewReplacer(" ", "%20", "%41", "%2541", "?", "%3F", "#", "%23").Replace(log); uri != want {
		t.Errorf("log %s instead of %s", uri, want)
	}
	for _, policy := range []string{"never", "always:3", "on-failure:x", "on-failure:", "on-failure:-1", "on-failure:1:2"} {
		if err := monitor.Set(h.Ctx, h.Client, h.NS, "a", policy, log); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s: %v", policy, err)
		}
	}
	if err := monitor.Set(h.Ctx, h.Client, h.NS, "a", "always", "relative"); err == nil {
		t.Error("a relative log is taken")
	}
	if err := monitor.Set(h.Ctx, h.Client, h.NS, "b", "always", log); !errdefs.IsNotFound(err) {
		t.Errorf("no container: %v", err)
	}
	// The count belongs to the policy, and setting the same again leaves it.
	h.Must(containers.SetLabels(h.Ctx, h.Client, h.NS, "a", map[string]string{restart.CountLabel: "4"}, nil))
	h.Must(monitor.Set(h.Ctx, h.Client, h.NS, "a", "unless-stopped", log))
	if c := h.Find("a"); c.RestartCount != 4 {
		t.Errorf("%+v", c)
	}
	h.Must(monitor.Set(h.Ctx, h.Client, h.NS, "a", "always", log))
	if c := h.Find("a"); c.RestartCount != unknown {
		t.Errorf("%+v", c)
	}
	// Whoever starts it says where the log is.
	kill(h, "a")
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	if c := h.Find("a"); c.RestartPolicy != "always" || c.Labels[restart.LogURILabel] != "file://"+h.Log("a") {
		t.Errorf("%+v", c)
	}
	h.Must(h.Stop(h.Ctx, h.NS, "a", "KILL", time.Second))
	if c := h.Find("a"); c.RestartPolicy != "" || c.RestartCount != 0 {
		t.Errorf("stopped: %+v", c)
	}
}

// One run of the monitor, which looks every ten seconds, is to show all that it does.
func TestRestart(t *testing.T) {
	if lab.Mode() == lab.Hybrid {
		return // where cgroups are mounted makes no difference to this
	}
	h := labhost.NewHost(t)
	h.ImportImage()
	counts := counts(h)
	pin := "/run/kuke-test-restart"
	h.Must(netns.Create(pin))
	defer func() { h.Must(netns.Remove(pin)) }()
	inode, err := netns.PinInode(pin)
	h.Must(err)
	for _, c := range []struct{ id, policy, script string }{
		{"always", "always", "echo up; exec sleep 100"},
		{"stopped", "always", "exec sleep 100"},
		{"down", "always", "exec sleep 100"},
		{"once", "on-failure:1", "echo up; exit 3"},
		{"done", "on-failure", "echo up; exit 0"},
		{"unless", "unless-stopped", "exec sleep 100"},
		{"none", "no", "exec sleep 100"},
	} {
		o := h.Options(c.id, labhost.Sh(c.script))
		o.NetNSPath = pin
		h.Start(o)
		h.Must(monitor.Set(h.Ctx, h.Client, h.NS, c.id, c.policy, h.Log(c.id)))
	}
	// One is stopped while it runs, one when it is down already and the monitor about to start it.
	h.Must(h.Stop(h.Ctx, h.NS, "stopped", "KILL", time.Second))
	kill(h, "down")
	h.Await("down", containers.StatusStopped)
	h.Must(h.Stop(h.Ctx, h.NS, "down", "KILL", time.Second))
	for _, id := range []string{"stopped", "down"} {
		if c := h.Find(id); c.Status != "" {
			t.Errorf("%+v", c)
		}
	}
	begin := time.Now()
	killed := map[string]uint32{}
	for _, id := range []string{"always", "unless", "none"} {
		killed[id] = kill(h, id)
	}
	for _, id := range []string{"always", "unless"} {
		c := awaitRestart(h, id, killed[id])
		t.Logf("%s is restarted after %s", id, time.Since(begin))
		if got, err := netns.Inode(int(c.PID)); err != nil || got != inode {
			t.Errorf("network namespace %d, pinned %d, %v", got, inode, err)
		}
		if want := map[bool]int{true: 1, false: -1}[counts]; c.RestartCount != want {
			t.Errorf("count %d of %s, not %d", c.RestartCount, id, want)
		}
	}
	if !prints(h, "always", "up\nup\n") {
		t.Errorf("log %q", h.Output("always"))
	}
	if info, err := os.Stat(h.Log("always")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("log %v, %v", info.Mode(), err)
	}
	if c := h.Find("none"); c.Status != containers.StatusStopped || c.ExitCode != 137 {
		t.Errorf("%+v", c)
	}
	// Two more looks of the monitor, which then stay without effect.
	time.Sleep(time.Until(begin.Add(32 * time.Second)))
	for _, id := range []string{"stopped", "down"} {
		if c := h.Find(id); c.Status != "" {
			t.Errorf("%+v", c)
		}
	}
	once, done := strings.Count(h.Output("once"), "up"), strings.Count(h.Output("done"), "up")
	t.Logf("on-failure:1 ran %d times, on-failure with success %d times", once, done)
	if counts {
		if c := h.Find("once"); once != 2 || c.Status != containers.StatusStopped || c.ExitCode != 3 || c.RestartCount != 1 || c.RestartPolicy != "on-failure:1" {
			t.Errorf("once ran %d times: %+v", once, c)
		}
		if done != 1 {
			t.Errorf("done ran %d times", done)
		}
	} else if once < 3 || done < 3 {
		t.Error("this daemon knows policies: document it")
	}
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "always", h.Log("always")))
	// A start from here gives it another one.
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "once", h.Log("once")))
	if c := h.Find("once"); c.RestartPolicy != "on-failure:1" || counts && c.RestartCount != 0 {
		t.Errorf("%+v", c)
	}
}

func prints(h *labhost.Host, id, want string) bool {
	for range 500 {
		if h.Output(id) == want {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// The monitor makes a task while its container goes: what then is left can be ended by nobody but through the container.
func TestOrphanedTask(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	for _, id := range []string{"a", "b"} {
		h.Start(h.Options(id, labhost.Sh("exec sleep 100")))
		h.Must(monitor.Set(h.Ctx, h.Client, h.NS, id, "always", h.Log(id)))
	}
	ctx := client.In(h.Ctx, h.NS)
	container, err := h.Client.Containerd.LoadContainer(ctx, "a")
	h.Must(err)
	pid := h.Find("a").PID
	h.Must(h.Client.Containerd.ContainerService().Delete(ctx, "a"))
	h.Must(task.ReviveOrphaned(ctx, h.Client, container))
	if c := h.Find("a"); c.PID != pid || c.RestartPolicy != "" || c.Labels["kukeon.io/path"] == "" {
		t.Errorf("%+v", c)
	}
	h.Must(task.Remove(h.Ctx, h.Client, h.NS, "a"))
	if err := syscall.Kill(int(pid), 0); err == nil {
		t.Error("its process is left")
	}
	if made, err := h.Client.HasTraces(ctx, "a"); made || err != nil {
		t.Errorf("a task is left, %v", err)
	}
	// The other lives on.
	if c := h.Find("b"); c.Status != containers.StatusRunning {
		t.Errorf("%+v", c)
	}
	h.Must(task.Remove(h.Ctx, h.Client, h.NS, "b"))
}

// newBusyMonitor returns a host with a containerd of its own, whose restart monitor looks all the time: that gives every
// race with it.
func newBusyMonitor(t *testing.T, interval string) *labhost.Host {
	t.Helper()
	h := labhost.NewHost(t)
	dir := "/run/kuke-busy"
	h.Must(os.MkdirAll(dir, 0o711))
	address, config := filepath.Join(dir, "containerd.sock"), filepath.Join(dir, "config.toml")
	h.Must(os.WriteFile(config, []byte(fmt.Sprintf(`version = 2
root = "%[1]s/root"
state = "%[1]s"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]
[grpc]
  address = "%[2]s"
[plugins."io.containerd.internal.v1.restart"]
  interval = "%[3]s"
`, dir, address, interval)), 0o644))
	log, err := os.Create(filepath.Join(dir, "log"))
	h.Must(err)
	defer log.Close()
	daemon := exec.Command("containerd", "--config", config)
	daemon.Stdout, daemon.Stderr = log, log
	h.Must(daemon.Start())
	t.Cleanup(func() {
		h.Must(daemon.Process.Signal(syscall.SIGTERM))
		if err := daemon.Wait(); err != nil {
			t.Error(err)
		}
		h.Must(os.RemoveAll(dir))
	})
	busy := *h
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if busy.Client, err = client.Dial(h.Ctx, client.DialOptions{Address: address, CallTimeout: time.Minute}); err == nil {
			break
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatal(err)
		}
	}
	busy.NS += "-busy"
	h.Must(namespace.Ensure(h.Ctx, busy.Client, busy.NS, nil))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		list, err := containers.List(ctx, busy.Client, busy.NS)
		h.Must(err)
		for _, c := range list {
			if err := task.Remove(ctx, busy.Client, busy.NS, c.ID); err != nil {
				t.Error(err)
			}
		}
		if err := errors.Join(namespace.Remove(ctx, busy.Client, busy.NS), busy.Client.Close()); err != nil {
			t.Error(err)
		}
	})
	return &busy
}

// shimsOf returns the shims of the host's namespace, whatever container they are of.
func shimsOf(h *labhost.Host) (n int) {
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	h.Must(err)
	for _, file := range processes {
		data, _ := os.ReadFile(file)
		args := strings.Split(string(data), "\x00")
		if filepath.Base(args[0]) == shim.Program && slices.Contains(args, h.NS) {
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
	h.ImportImage()
	ids := []string{"a", "b", "c"}
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() { race(h, id, 6) })
	}
	wg.Wait()
	for range 100 {
		if shimsOf(h) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if n := shimsOf(h); n > 0 {
		t.Errorf("%d shims are left", n)
	}
	for _, id := range ids {
		if h.Client.Left.HasTraces(h.NS, id) {
			t.Errorf("traces of the task of %s are left", id)
		}
	}
}

func race(h *labhost.Host, id string, rounds int) {
	moment := func() { time.Sleep(rand.N(250 * time.Millisecond)) }
	fail := func(round int, what string, err error) {
		if err != nil {
			h.T.Errorf("%s, round %d: %s: %v", id, round, what, err)
		}
	}
	down := func(round int, what string) {
		time.Sleep(150 * time.Millisecond)
		if c := h.Find(id); c.Status != "" || c.RestartPolicy != "" {
			h.T.Errorf("%s, round %d: %s: %s under %q", id, round, what, c.Status, c.RestartPolicy)
		}
	}
	for round := range rounds {
		script := []string{"echo up; exec sleep 100", "echo up; exit 1", "echo up; sleep 0.1; exit 1"}[round%3]
		fail(round, "create", containers.Create(h.Ctx, h.Client, h.NS, h.Options(id, labhost.Sh(script))))
		fail(round, "start", task.Start(h.Ctx, h.Client, h.NS, id, h.Log(id)))
		fail(round, "policy", monitor.Set(h.Ctx, h.Client, h.NS, id, "always", h.Log(id)))
		moment()
		if pid := h.Find(id).PID; pid != 0 {
			_ = syscall.Kill(int(pid), syscall.SIGKILL)
			moment()
		}
		fail(round, "start beside", task.Start(h.Ctx, h.Client, h.NS, id, h.Log(id)))
		moment()
		if round%2 == 0 {
			fail(round, "stop", h.Stop(h.Ctx, h.NS, id, "TERM", 10*time.Millisecond))
			down(round, "after stop")
			fail(round, "start again", task.Start(h.Ctx, h.Client, h.NS, id, h.Log(id)))
			fail(round, "policy again", monitor.Set(h.Ctx, h.Client, h.NS, id, "on-failure:100", h.Log(id)))
			moment()
			fail(round, "no policy", monitor.Set(h.Ctx, h.Client, h.NS, id, "no", h.Log(id)))
			if c := h.Find(id); c.RestartPolicy != "" {
				h.T.Errorf("%s, round %d: %+v", id, round, c)
			}
			fail(round, "policy a third time", monitor.Set(h.Ctx, h.Client, h.NS, id, "always", h.Log(id)))
			moment()
		}
		fail(round, "remove", task.Remove(h.Ctx, h.Client, h.NS, id))
		time.Sleep(100 * time.Millisecond)
		if c := h.Find(id); c.ID != "" {
			h.T.Errorf("%s, round %d: it is left: %+v", id, round, c)
		}
		if _, err := h.Client.Containerd.SnapshotService(snapshot.Snapshotter).Stat(client.In(h.Ctx, h.NS), id); !errdefs.IsNotFound(err) {
			h.T.Errorf("%s, round %d: its snapshot is left: %v", id, round, err)
		}
		if made, err := h.Client.HasTraces(client.In(h.Ctx, h.NS), id); made || err != nil {
			h.T.Errorf("%s, round %d: a task is left, %v", id, round, err)
		}
	}
}
