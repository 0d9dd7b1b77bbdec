package runtime

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/netns"
)

func TestLifecycle(t *testing.T) {
	h := newHost(t)
	h.image()
	o := h.options("a", sh("trap 'echo bye; exit 3' TERM; echo hello; echo err >&2; while :; do sleep 0.05; done"))
	h.must(h.Create(h.ctx, h.ns, o))
	if err := h.Create(h.ctx, h.ns, o); !errdefs.IsAlreadyExists(err) {
		t.Errorf("a second create: %v", err)
	}
	if c := h.find("a"); c.Status != "" || c.PID != 0 || c.Image != testImage || c.Labels["kukeon.io/path"] == "" || c.CreatedAt.IsZero() || c.SnapshotKey != "a" {
		t.Errorf("created: %+v", c)
	}
	for range 2 {
		h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	}
	c := h.find("a")
	if c.Status != StatusRunning || c.PID == 0 {
		t.Errorf("started: %+v", c)
	}
	h.awaitOutput("a", "hello\n")
	h.awaitOutput("a", "err\n")
	begin := time.Now()
	h.must(h.stop(h.ctx, h.ns, "a", "", 10*time.Second))
	t.Logf("stop took %s", time.Since(begin))
	if c := h.find("a"); c.Status != "" {
		t.Errorf("stopped: %+v", c)
	}
	h.must(h.stop(h.ctx, h.ns, "a", "TERM", time.Second))
	h.must(h.stop(h.ctx, h.ns, "missing", "TERM", time.Second))
	if out := h.output("a"); out != "hello\nerr\nbye\n" && out != "err\nhello\nbye\n" {
		t.Errorf("log %q", out)
	}
	if info, err := os.Stat(h.log("a")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("log %v, %v", info.Mode(), err)
	}
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	h.must(h.SetLabels(h.ctx, h.ns, "a", map[string]string{"x.y/z": "1", "other": "2"}, nil))
	h.must(h.SetLabels(h.ctx, h.ns, "a", map[string]string{"x.y/z": "3"}, []string{"other", "never"}))
	if l := h.find("a").Labels; l["x.y/z"] != "3" || len(l) != 2 {
		t.Errorf("labels %v", l)
	}
	for range 2 {
		h.must(h.Remove(h.ctx, h.ns, "a"))
	}
	if c := h.find("a"); c.ID != "" {
		t.Errorf("removed: %+v", c)
	}
	if err := h.Start(h.ctx, h.ns, "a", h.log("a")); !errdefs.IsNotFound(err) {
		t.Errorf("start of nothing: %v", err)
	}
}

// What is kept with a container is larger than a label may be, changes as it runs, and leaves all else of it alone.
func TestRecordOfContainer(t *testing.T) {
	h := newHost(t)
	h.image()
	o := h.options("a", sh("exec sleep 100"))
	o.Record = bytes.Repeat([]byte("r"), 1<<16)
	h.start(o)
	kept := func() string {
		i, err := h.Inspect(h.ctx, h.ns, "a")
		h.must(err)
		return string(i.Record)
	}
	if got := kept(); got != string(o.Record) {
		t.Errorf("kept %d bytes", len(got))
	}
	before := h.find("a")
	h.must(h.SetRecord(h.ctx, h.ns, "a", []byte("other")))
	h.must(h.SetLabels(h.ctx, h.ns, "a", map[string]string{"x": "1"}, nil))
	after := h.find("a")
	if got := kept(); got != "other" || after.PID != before.PID || after.PID == 0 || len(after.Labels) != len(before.Labels)+1 {
		t.Errorf("kept %q, and was %+v, is %+v", got, before, after)
	}
	h.start(h.options("none", sh("exec sleep 100")))
	if i, err := h.Inspect(h.ctx, h.ns, "none"); err != nil || i.Record != nil {
		t.Errorf("kept %q, %v", i.Record, err)
	}
	if err := h.SetRecord(h.ctx, h.ns, "b", []byte("x")); !errdefs.IsNotFound(err) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestStopKillsAfterGrace(t *testing.T) {
	h := newHost(t)
	h.image()
	// Until runc has become the shell, the process still ends at a signal.
	h.start(h.options("a", sh("echo up; exec sleep 100")))
	h.awaitOutput("a", "up\n")
	begin := time.Now()
	exit, err := h.Stop(h.ctx, h.ns, "a", "SIGTERM", 300*time.Millisecond)
	h.must(err)
	if exit.Code != 137 || time.Since(exit.At).Abs() > time.Minute {
		t.Errorf("stopped: %+v", exit)
	}
	if took := time.Since(begin); took < 300*time.Millisecond || took > 3*time.Second {
		t.Errorf("stop took %s", took)
	}
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	begin = time.Now()
	h.must(h.stop(h.ctx, h.ns, "a", "SIGTERM", 0))
	t.Logf("stop without grace took %s", time.Since(begin))
	if _, err := h.Stop(h.ctx, h.ns, "a", "SIGNONE", 0); err == nil {
		t.Error("an unknown signal is taken")
	}
	h.must(os.Truncate(h.log("a"), 0))
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	h.awaitOutput("a", "up\n")
	ctx, cancel := context.WithTimeout(h.ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := h.Stop(ctx, h.ns, "a", "TERM", time.Minute); !errdefs.IsDeadlineExceeded(err) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestExitIsSeenAndCleared(t *testing.T) {
	h := newHost(t)
	h.image()
	h.start(h.options("a", sh("exit 7")))
	c := h.await("a", StatusStopped)
	if c.ExitCode != 7 || c.PID != 0 || time.Since(c.ExitedAt) > time.Minute {
		t.Errorf("%+v", c)
	}
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	h.await("a", StatusStopped)
	exit, err := h.Stop(h.ctx, h.ns, "a", "", time.Second)
	h.must(err)
	if exit.Code != 7 {
		t.Errorf("stopped after it had ended: %+v", exit)
	}
	if c := h.find("a"); c.Status != "" {
		t.Errorf("%+v", c)
	}
}

func TestErrorsAreReadable(t *testing.T) {
	h := newHost(t)
	h.image()
	h.must(h.Create(h.ctx, h.ns, h.options("a", resource.Container{Command: "/nope"})))
	err := h.Start(h.ctx, h.ns, "a", h.log("a"))
	if want := `start container a: exec: "/nope": stat /nope: no such file or directory`; err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
	if c := h.find("a"); c.Status != "" {
		t.Errorf("a task is left: %+v", c)
	}
	for id, spec := range map[string]resource.Container{
		"user":   {User: "nobody-here"},
		"volume": {Volumes: []resource.Volume{{Source: "/missing/source", Target: "/x"}}},
		"device": {Devices: []string{"/dev/missing"}},
	} {
		err := h.Create(h.ctx, h.ns, h.options(id, spec))
		t.Logf("%s: %v", id, err)
		if err == nil {
			t.Errorf("%s is taken", id)
		}
		if c := h.find(id); c.ID != "" {
			t.Errorf("%s is left", id)
		}
		if _, err := h.c.SnapshotService(snapshotterName).Stat(in(h.ctx, h.ns), id); !errdefs.IsNotFound(err) {
			t.Errorf("snapshot of %s: %v", id, err)
		}
	}
	o := h.options("b", resource.Container{})
	o.Image = "docker.io/library/none:latest"
	if err := h.Create(h.ctx, h.ns, o); !errdefs.IsNotFound(err) {
		t.Errorf("missing image: %v", err)
	}
}

func TestLeftoversAreCleared(t *testing.T) {
	h := newHost(t)
	h.image()
	ctx := in(h.ctx, h.ns)
	_, err := h.c.SnapshotService(snapshotterName).Prepare(ctx, "a", "")
	h.must(err)
	if out := h.run(h.options("a", sh("echo fine"))); out != "fine\n" {
		t.Errorf("output %q", out)
	}
	// Cancelled at any moment, Create leaves all or nothing.
	for i := range 40 {
		ctx, cancel := context.WithTimeout(h.ctx, time.Duration(i)*time.Millisecond)
		err := h.Create(ctx, h.ns, h.options("b", sh("true")))
		cancel()
		if err == nil {
			h.must(h.Remove(h.ctx, h.ns, "b"))
			continue
		}
		if h.find("b").ID != "" {
			t.Errorf("%d ms: the container is left after %v", i, err)
		}
		if _, err := h.c.SnapshotService(snapshotterName).Stat(in(h.ctx, h.ns), "b"); !errdefs.IsNotFound(err) {
			t.Errorf("%d ms: the snapshot is left: %v", i, err)
		}
	}
	for i := range 30 {
		h.must(h.Create(h.ctx, h.ns, h.options("c", sh("exec sleep 100"))))
		ctx, cancel := context.WithTimeout(h.ctx, time.Duration(i*4)*time.Millisecond)
		err := h.Start(ctx, h.ns, "c", h.log("c"))
		cancel()
		if status := h.find("c").Status; err != nil && status != "" {
			t.Errorf("%d ms: a task is left, %s, after %v", i*4, status, err)
		}
		h.must(h.Remove(h.ctx, h.ns, "c"))
	}
}

// Cut short at any moment, Remove leaves no container without its snapshot: such a one could never be started again.
func TestRemoveCutShort(t *testing.T) {
	h := newHost(t)
	h.image()
	left := 0
	for i := range 60 {
		h.must(h.Create(h.ctx, h.ns, h.options("d", sh("true"))))
		ctx, cancel := context.WithTimeout(h.ctx, time.Duration(i)*200*time.Microsecond)
		err := h.Remove(ctx, h.ns, "d")
		cancel()
		if err != nil && h.find("d").ID != "" {
			left++
			// A deletion that was given up may still be carried out, and then takes both away.
			if _, err := h.c.SnapshotService(snapshotterName).Stat(in(h.ctx, h.ns), "d"); err != nil && h.find("d").ID != "" {
				t.Errorf("%d: a container is left, and its snapshot not: %v", i, err)
			}
		}
		h.must(h.Remove(h.ctx, h.ns, "d"))
	}
	if left == 0 {
		t.Error("no removal was cut short: the test proves nothing")
	}
}

func TestInside(t *testing.T) {
	h := newHost(t)
	h.image()
	pin := "/run/kuke-test-inside"
	h.must(netns.Create(pin))
	defer func() { h.must(netns.Remove(pin)) }()
	volume := filepath.Join(h.dir, "volume")
	h.must(os.MkdirAll(volume, 0o755))
	h.must(os.WriteFile(filepath.Join(volume, "f"), []byte("content\n"), 0o644))
	// One stream for all, as nothing keeps two in order.
	spec := sh(`exec 2>&1; id -u; id -G; hostname; echo $GREETING $HOME; echo $PATH; pwd; cat /data/f /run/kept; cat /proc/self/status | grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:'
touch /data/x 2>/dev/null && echo rw; touch /x 2>/dev/null && echo rootrw; touch /tmp/x && echo tmp; mount | grep -E ' /tmp | /dev/shm '; ls /sys/fs/cgroup | grep -c . ; cat /proc/kcore | grep -c .; unshare -U true 2>/dev/null || echo no userns`)
	spec.User, spec.WorkingDir, spec.ReadOnlyRootFilesystem = "web", "/etc", true
	spec.Env = resource.Env{"GREETING": "hi"}
	spec.Volumes = []resource.Volume{{Source: volume, Target: "/data", ReadOnly: true}}
	spec.Tmpfs = []resource.Tmpfs{{Path: "/tmp", SizeBytes: 1 << 20}}
	o := h.options("a", spec)
	o.NetNSPath = pin
	h.must(h.Create(h.ctx, h.ns, o))
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	h.awaitWritten("a")
	out := h.output("a")
	t.Logf("\n%s", out)
	for _, want := range []string{"101\n102 103\nweb\nhi /\n/usr/local/sbin", "/etc\ncontent\nkept\n", "NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t00000000a80425fb", "CapEff:\t0000000000000000", "\ntmp\n", "size=1024k", "noexec", "no userns"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(out, "rw\n") {
		t.Error("something is writable")
	}
}

func TestPrivilegedAndNetwork(t *testing.T) {
	h := newHost(t)
	h.image()
	pin := "/run/kuke-test-priv"
	h.must(netns.Create(pin))
	defer func() { h.must(netns.Remove(pin)) }()
	spec := sh(`grep -E 'NoNewPrivs|Seccomp:' /proc/self/status; mkdir /m && mount -t tmpfs none /m && echo mounted; ls /dev | grep -c .; touch /sys/fs/cgroup/x 2>/dev/null; exec sleep 100`)
	spec.Privileged = true
	o := h.options("a", spec)
	o.NetNSPath = pin
	h.start(o)
	want, err := netns.PinInode(pin)
	h.must(err)
	got, err := netns.Inode(int(h.find("a").PID))
	h.must(err)
	if got != want {
		t.Errorf("network namespace %d, pinned %d", got, want)
	}
	h.awaitOutput("a", "mounted")
	if out := h.output("a"); !strings.Contains(out, "NoNewPrivs:\t0") || !strings.Contains(out, "Seccomp:\t0") || !strings.Contains(out, "mounted") {
		t.Errorf("output %s", out)
	}
}

func TestDevices(t *testing.T) {
	h := newHost(t)
	h.image()
	spec := sh("ls /dev/fuse2 && cat </dev/null >/dev/fuse2; echo done; ls -l /dev/fuse2")
	spec.Devices = []string{"/dev/null:/dev/fuse2:rw"}
	if out := h.run(h.options("a", spec)); !strings.Contains(out, "done") || !strings.Contains(out, "1,   3") {
		t.Errorf("output %s", out)
	}
}

func TestLimits(t *testing.T) {
	h := newHost(t)
	h.image()
	if !h.tree.Controllers()["memory"] {
		// A v2 tree beside v1 controllers has none: there the run in hybrid mode is the test.
		if _, err := h.tree.ContainerResources(&resource.Resources{Memory: 64 << 20}, false); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a limit without its controller: %v", err)
		}
		return
	}
	set := resource.Resources{Memory: 64 << 20, CPUs: 0.5, CPUWeight: 39, PIDs: 20, IOWeight: 300}
	resources, err := h.tree.ContainerResources(&set, false)
	h.must(err)
	o := h.options("a", sh("exec sleep 100"))
	o.Resources = resources
	h.start(o)
	check := func(want resource.Resources) {
		t.Helper()
		got, err := h.tree.Limits(o.CgroupPath)
		h.must(err)
		if want = h.tree.Canonical(want); got != want {
			t.Errorf("the kernel holds %+v, wanted %+v", got, want)
		}
	}
	check(set)
	for _, r := range []resource.Resources{{Memory: 32 << 20, CPUs: 1.5, CPUWeight: 200, PIDs: 10, IOWeight: 50}, {Memory: 96 << 20, MemorySwap: 96 << 20},
		{Memory: 16 << 20, MemorySwap: 50 << 20}, {Memory: 20 << 20, MemorySwap: resource.Unlimited}, {}, {CPUs: 0.25}, set} {
		resources, err := h.tree.ContainerResources(&r, true)
		h.must(err)
		h.must(h.UpdateResources(h.ctx, h.ns, "a", resources))
		check(r)
		h.must(h.stop(h.ctx, h.ns, "a", "KILL", time.Second))
		h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
		check(r)
	}
	h.must(h.stop(h.ctx, h.ns, "a", "KILL", time.Second))
	reset, err := h.tree.ContainerResources(nil, true)
	h.must(err)
	h.must(h.UpdateResources(h.ctx, h.ns, "a", reset))
	spec, err := h.ContainerSpec(h.ctx, h.ns, "a")
	h.must(err)
	if *spec.Linux.Resources.Memory.Limit != -1 || len(spec.Linux.Resources.Devices) < 5 {
		t.Errorf("spec %+v", spec.Linux.Resources)
	}
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	check(resource.Resources{})
}

func TestExtraMount(t *testing.T) {
	h := newHost(t)
	h.image()
	hosts := filepath.Join(h.dir, "hosts")
	h.must(os.WriteFile(hosts, []byte("127.0.0.1 me\n"), 0o644))
	o := h.options("a", sh("cat /etc/hosts"))
	o.Mounts = []specs.Mount{{Destination: "/etc/hosts", Type: "bind", Source: hosts, Options: []string{"rbind", "ro"}}}
	if out := h.run(o); out != "127.0.0.1 me\n" {
		t.Errorf("output %q", out)
	}
}

func TestNamespaces(t *testing.T) {
	h := newHost(t)
	h.image()
	h.must(h.EnsureNamespace(h.ctx, h.ns, map[string]string{"kukeon.io/path": "main", "more": "x"}))
	all, err := h.Namespaces(h.ctx)
	h.must(err)
	if l := all[h.ns]; l["more"] != "x" || l["kukeon.io/path"] != "main" {
		t.Errorf("labels %v", l)
	}
	h.start(h.options("a", sh("exec sleep 100")))
	if err := h.RemoveNamespace(h.ctx, h.ns); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("with a container: %v", err)
	}
	h.must(h.Remove(h.ctx, h.ns, "a"))
	_, err = h.c.SnapshotService(snapshotterName).Prepare(in(h.ctx, h.ns), "left", "")
	h.must(err)
	h.must(h.ReleaseNamespace(h.ctx, h.ns, map[string]string{"more": "", "kept": "images"}))
	all, err = h.Namespaces(h.ctx)
	h.must(err)
	if l := all[h.ns]; l["more"] != "" || l["kept"] != "images" || l["kukeon.io/path"] != "main" {
		t.Errorf("labels of a namespace that is kept for its images: %v", l)
	}
	if digests, err := h.Digests(h.ctx, h.ns); err != nil || len(digests) == 0 {
		t.Errorf("images that were kept: %v, %v", digests, err)
	}
	begin := time.Now()
	h.must(h.RemoveNamespace(h.ctx, h.ns))
	t.Logf("removing the namespace took %s", time.Since(begin))
	h.must(h.RemoveNamespace(h.ctx, h.ns))
	all, err = h.Namespaces(h.ctx)
	h.must(err)
	if _, ok := all[h.ns]; ok {
		t.Error("the namespace is left")
	}
	h.must(h.EnsureNamespace(h.ctx, h.ns, map[string]string{"more": ""}))
	all, err = h.Namespaces(h.ctx)
	h.must(err)
	if l, ok := all[h.ns]; !ok || len(l) > 0 {
		t.Errorf("labels of a new namespace: %v, %t", l, ok)
	}
	h.must(h.ReleaseNamespace(h.ctx, h.ns, map[string]string{"kept": "images"}))
	all, err = h.Namespaces(h.ctx)
	h.must(err)
	if _, ok := all[h.ns]; ok {
		t.Error("a namespace without images is kept")
	}
	h.must(h.EnsureNamespace(h.ctx, h.ns, nil))
	usage, err := os.ReadDir("/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256")
	t.Logf("blobs on disk: %d, %v", len(usage), err)
}

func TestPausedAndCreated(t *testing.T) {
	h := newHost(t)
	h.image()
	h.start(h.options("a", sh("exec sleep 100")))
	ctx := in(h.ctx, h.ns)
	container, err := h.c.LoadContainer(ctx, "a")
	h.must(err)
	running, err := container.Task(ctx, nil)
	h.must(err)
	h.must(running.Pause(ctx))
	if c := h.find("a"); c.Status != StatusPaused || c.PID == 0 {
		t.Errorf("%+v", c)
	}
	if err := h.Start(h.ctx, h.ns, "a", h.log("a")); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("start of a paused one: %v", err)
	}
	h.must(h.stop(h.ctx, h.ns, "a", "TERM", 100*time.Millisecond))
	// What a kuke that was killed between the two steps of a start leaves behind.
	_, err = container.NewTask(ctx, cio.LogFile(h.log("a")))
	h.must(err)
	if c := h.find("a"); c.Status != StatusCreated {
		t.Errorf("%+v", c)
	}
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	if c := h.find("a"); c.Status != StatusRunning {
		t.Errorf("%+v", c)
	}
}
