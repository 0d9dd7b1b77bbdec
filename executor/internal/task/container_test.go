package task_test

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
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/namespace"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/snapshot"
	"github.com/kukeon/kuke/executor/internal/task"
)

func TestLifecycle(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	o := h.Options("a", labhost.Sh("trap 'echo bye; exit 3' TERM; echo hello; echo err >&2; while :; do sleep 0.05; done"))
	h.Must(containers.Create(h.Ctx, h.Client, h.NS, o))
	if err := containers.Create(h.Ctx, h.Client, h.NS, o); !errdefs.IsAlreadyExists(err) {
		t.Errorf("a second create: %v", err)
	}
	if c := h.Find("a"); c.Status != "" || c.PID != 0 || c.Image != labhost.Image || c.Labels["kukeon.io/path"] == "" || c.CreatedAt.IsZero() || c.SnapshotKey != "a" {
		t.Errorf("created: %+v", c)
	}
	for range 2 {
		h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	}
	c := h.Find("a")
	if c.Status != containers.StatusRunning || c.PID == 0 {
		t.Errorf("started: %+v", c)
	}
	h.AwaitOutput("a", "hello\n")
	h.AwaitOutput("a", "err\n")
	begin := time.Now()
	h.Must(h.Stop(h.Ctx, h.NS, "a", "", 10*time.Second))
	t.Logf("stop took %s", time.Since(begin))
	if c := h.Find("a"); c.Status != "" {
		t.Errorf("stopped: %+v", c)
	}
	h.Must(h.Stop(h.Ctx, h.NS, "a", "TERM", time.Second))
	h.Must(h.Stop(h.Ctx, h.NS, "missing", "TERM", time.Second))
	if out := h.Output("a"); out != "hello\nerr\nbye\n" && out != "err\nhello\nbye\n" {
		t.Errorf("log %q", out)
	}
	if info, err := os.Stat(h.Log("a")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("log %v, %v", info.Mode(), err)
	}
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	h.Must(containers.SetLabels(h.Ctx, h.Client, h.NS, "a", map[string]string{"x.y/z": "1", "other": "2"}, nil))
	h.Must(containers.SetLabels(h.Ctx, h.Client, h.NS, "a", map[string]string{"x.y/z": "3"}, []string{"other", "never"}))
	if l := h.Find("a").Labels; l["x.y/z"] != "3" || len(l) != 2 {
		t.Errorf("labels %v", l)
	}
	for range 2 {
		h.Must(task.Remove(h.Ctx, h.Client, h.NS, "a"))
	}
	if c := h.Find("a"); c.ID != "" {
		t.Errorf("removed: %+v", c)
	}
	if err := task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")); !errdefs.IsNotFound(err) {
		t.Errorf("start of nothing: %v", err)
	}
}

// What is kept with a container is larger than a label may be, changes as it runs, and leaves all else of it alone.
func TestRecordOfContainer(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	o := h.Options("a", labhost.Sh("exec sleep 100"))
	o.Record = bytes.Repeat([]byte("r"), 1<<16)
	h.Start(o)
	kept := func() string {
		i, err := containers.Inspect(h.Ctx, h.Client, h.NS, "a")
		h.Must(err)
		return string(i.Record)
	}
	if got := kept(); got != string(o.Record) {
		t.Errorf("kept %d bytes", len(got))
	}
	before := h.Find("a")
	h.Must(containers.SetRecord(h.Ctx, h.Client, h.NS, "a", []byte("other")))
	h.Must(containers.SetLabels(h.Ctx, h.Client, h.NS, "a", map[string]string{"x": "1"}, nil))
	after := h.Find("a")
	if got := kept(); got != "other" || after.PID != before.PID || after.PID == 0 || len(after.Labels) != len(before.Labels)+1 {
		t.Errorf("kept %q, and was %+v, is %+v", got, before, after)
	}
	h.Start(h.Options("none", labhost.Sh("exec sleep 100")))
	if i, err := containers.Inspect(h.Ctx, h.Client, h.NS, "none"); err != nil || i.Record != nil {
		t.Errorf("kept %q, %v", i.Record, err)
	}
	if err := containers.SetRecord(h.Ctx, h.Client, h.NS, "b", []byte("x")); !errdefs.IsNotFound(err) {
		t.Errorf("of nothing: %v", err)
	}
}

func TestStopKillsAfterGrace(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	// Until runc has become the shell, the process still ends at a signal.
	h.Start(h.Options("a", labhost.Sh("echo up; exec sleep 100")))
	h.AwaitOutput("a", "up\n")
	begin := time.Now()
	exit, err := task.Stop(h.Ctx, h.Client, h.NS, "a", "SIGTERM", 300*time.Millisecond)
	h.Must(err)
	if exit.Code != 137 || time.Since(exit.At).Abs() > time.Minute {
		t.Errorf("stopped: %+v", exit)
	}
	if took := time.Since(begin); took < 300*time.Millisecond || took > 8*time.Second {
		t.Errorf("stop took %s", took)
	}
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	begin = time.Now()
	h.Must(h.Stop(h.Ctx, h.NS, "a", "SIGTERM", 0))
	t.Logf("stop without grace took %s", time.Since(begin))
	if _, err := task.Stop(h.Ctx, h.Client, h.NS, "a", "SIGNONE", 0); err == nil {
		t.Error("an unknown signal is taken")
	}
	h.Must(os.Truncate(h.Log("a"), 0))
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	h.AwaitOutput("a", "up\n")
	ctx, cancel := context.WithTimeout(h.Ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := task.Stop(ctx, h.Client, h.NS, "a", "TERM", time.Minute); !errdefs.IsDeadlineExceeded(err) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestExitIsSeenAndCleared(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Start(h.Options("a", labhost.Sh("exit 7")))
	c := h.Await("a", containers.StatusStopped)
	if c.ExitCode != 7 || c.PID != 0 || time.Since(c.ExitedAt) > time.Minute {
		t.Errorf("%+v", c)
	}
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	h.Await("a", containers.StatusStopped)
	exit, err := task.Stop(h.Ctx, h.Client, h.NS, "a", "", time.Second)
	h.Must(err)
	if exit.Code != 7 {
		t.Errorf("stopped after it had ended: %+v", exit)
	}
	if c := h.Find("a"); c.Status != "" {
		t.Errorf("%+v", c)
	}
}

func TestErrorsAreReadable(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Must(containers.Create(h.Ctx, h.Client, h.NS, h.Options("a", resource.Container{Command: "/nope"})))
	err := task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a"))
	if want := `start container a: exec: "/nope": stat /nope: no such file or directory`; err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
	if c := h.Find("a"); c.Status != "" {
		t.Errorf("a task is left: %+v", c)
	}
	for id, spec := range map[string]resource.Container{
		"user":   {User: "nobody-here"},
		"volume": {Volumes: []resource.VolumeMount{{Source: "/missing/source", Target: "/x"}}},
		"device": {Devices: []string{"/dev/missing"}},
	} {
		err := containers.Create(h.Ctx, h.Client, h.NS, h.Options(id, spec))
		t.Logf("%s: %v", id, err)
		if err == nil {
			t.Errorf("%s is taken", id)
		}
		if c := h.Find(id); c.ID != "" {
			t.Errorf("%s is left", id)
		}
		if _, err := h.Client.Containerd.SnapshotService(snapshot.Snapshotter).Stat(client.In(h.Ctx, h.NS), id); !errdefs.IsNotFound(err) {
			t.Errorf("snapshot of %s: %v", id, err)
		}
	}
	o := h.Options("b", resource.Container{})
	o.Image = "docker.io/library/none:latest"
	if err := containers.Create(h.Ctx, h.Client, h.NS, o); !errdefs.IsNotFound(err) {
		t.Errorf("missing image: %v", err)
	}
}

func TestLeftoversAreCleared(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	ctx := client.In(h.Ctx, h.NS)
	_, err := h.Client.Containerd.SnapshotService(snapshot.Snapshotter).Prepare(ctx, "a", "")
	h.Must(err)
	if out := h.Run(h.Options("a", labhost.Sh("echo fine"))); out != "fine\n" {
		t.Errorf("output %q", out)
	}
	// Cancelled at any moment, Create leaves all or nothing.
	for i := range 40 {
		ctx, cancel := context.WithTimeout(h.Ctx, time.Duration(i)*time.Millisecond)
		err := containers.Create(ctx, h.Client, h.NS, h.Options("b", labhost.Sh("true")))
		cancel()
		if err == nil {
			h.Must(task.Remove(h.Ctx, h.Client, h.NS, "b"))
			continue
		}
		if h.Find("b").ID != "" {
			t.Errorf("%d ms: the container is left after %v", i, err)
		}
		if _, err := h.Client.Containerd.SnapshotService(snapshot.Snapshotter).Stat(client.In(h.Ctx, h.NS), "b"); !errdefs.IsNotFound(err) {
			t.Errorf("%d ms: the snapshot is left: %v", i, err)
		}
	}
	for i := range 30 {
		h.Must(containers.Create(h.Ctx, h.Client, h.NS, h.Options("c", labhost.Sh("exec sleep 100"))))
		ctx, cancel := context.WithTimeout(h.Ctx, time.Duration(i*4)*time.Millisecond)
		err := task.Start(ctx, h.Client, h.NS, "c", h.Log("c"))
		cancel()
		if status := h.Find("c").Status; err != nil && status != "" {
			t.Errorf("%d ms: a task is left, %s, after %v", i*4, status, err)
		}
		h.Must(task.Remove(h.Ctx, h.Client, h.NS, "c"))
	}
}

// Cut short at any moment, Remove leaves no container without its snapshot: such a one could never be started again.
func TestRemoveCutShort(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	left := 0
	for i := range 60 {
		h.Must(containers.Create(h.Ctx, h.Client, h.NS, h.Options("d", labhost.Sh("true"))))
		ctx, cancel := context.WithTimeout(h.Ctx, time.Duration(i)*200*time.Microsecond)
		err := task.Remove(ctx, h.Client, h.NS, "d")
		cancel()
		if err != nil && h.Find("d").ID != "" {
			left++
			// A deletion that was given up may still be carried out, and then takes both away.
			if _, err := h.Client.Containerd.SnapshotService(snapshot.Snapshotter).Stat(client.In(h.Ctx, h.NS), "d"); err != nil && h.Find("d").ID != "" {
				t.Errorf("%d: a container is left, and its snapshot not: %v", i, err)
			}
		}
		h.Must(task.Remove(h.Ctx, h.Client, h.NS, "d"))
	}
	if left == 0 {
		t.Error("no removal was cut short: the test proves nothing")
	}
}

func TestInside(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	pin := "/run/kuke-test-inside"
	h.Must(netns.Create(pin))
	defer func() { h.Must(netns.Remove(pin)) }()
	volume := filepath.Join(h.Dir, "volume")
	h.Must(os.MkdirAll(volume, 0o755))
	h.Must(os.WriteFile(filepath.Join(volume, "f"), []byte("content\n"), 0o644))
	// One stream for all, as nothing keeps two in order.
	spec := labhost.Sh(`exec 2>&1; id -u; id -G; hostname; echo $GREETING $HOME; echo $PATH; pwd; cat /data/f /run/kept; cat /proc/self/status | grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:'
touch /data/x 2>/dev/null && echo rw; touch /x 2>/dev/null && echo rootrw; touch /tmp/x && echo tmp; mount | grep -E ' /tmp | /dev/shm '; ls /sys/fs/cgroup | grep -c . ; cat /proc/kcore | grep -c .; unshare -U true 2>/dev/null || echo no userns`)
	spec.User, spec.WorkingDir, spec.ReadOnlyRootFilesystem = "web", "/etc", true
	spec.Env = resource.Env{"GREETING": "hi"}
	spec.Volumes = []resource.VolumeMount{{Source: volume, Target: "/data", ReadOnly: true}}
	spec.Tmpfs = []resource.Tmpfs{{Path: "/tmp", SizeBytes: 1 << 20}}
	o := h.Options("a", spec)
	o.NetNSPath = pin
	h.Must(containers.Create(h.Ctx, h.Client, h.NS, o))
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	h.AwaitWritten("a")
	out := h.Output("a")
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
	h := labhost.NewHost(t)
	h.ImportImage()
	pin := "/run/kuke-test-priv"
	h.Must(netns.Create(pin))
	defer func() { h.Must(netns.Remove(pin)) }()
	spec := labhost.Sh(`grep -E 'NoNewPrivs|Seccomp:' /proc/self/status; mkdir /m && mount -t tmpfs none /m && echo mounted; ls /dev | grep -c .; touch /sys/fs/cgroup/x 2>/dev/null; exec sleep 100`)
	spec.Privileged = true
	o := h.Options("a", spec)
	o.NetNSPath = pin
	h.Start(o)
	want, err := netns.PinInode(pin)
	h.Must(err)
	got, err := netns.Inode(int(h.Find("a").PID))
	h.Must(err)
	if got != want {
		t.Errorf("network namespace %d, pinned %d", got, want)
	}
	h.AwaitOutput("a", "mounted")
	if out := h.Output("a"); !strings.Contains(out, "NoNewPrivs:\t0") || !strings.Contains(out, "Seccomp:\t0") || !strings.Contains(out, "mounted") {
		t.Errorf("output %s", out)
	}
}

func TestDevices(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	spec := labhost.Sh("ls /dev/fuse2 && cat </dev/null >/dev/fuse2; echo done; ls -l /dev/fuse2")
	spec.Devices = []string{"/dev/null:/dev/fuse2:rw"}
	if out := h.Run(h.Options("a", spec)); !strings.Contains(out, "done") || !strings.Contains(out, "1,   3") {
		t.Errorf("output %s", out)
	}
}

func TestLimits(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	if !h.Tree.Controllers()["memory"] {
		// A v2 tree beside v1 controllers has none: there the run in hybrid mode is the test.
		if _, err := h.Tree.ContainerResources(&resource.Resources{Memory: 64 << 20}, false); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a limit without its controller: %v", err)
		}
		return
	}
	set := resource.Resources{Memory: 64 << 20, CPUs: 0.5, CPUWeight: 39, PIDs: 20, IOWeight: 300}
	resources, err := h.Tree.ContainerResources(&set, false)
	h.Must(err)
	o := h.Options("a", labhost.Sh("exec sleep 100"))
	o.Resources = resources
	h.Start(o)
	check := func(want resource.Resources) {
		t.Helper()
		got, err := h.Tree.Limits(o.CgroupPath)
		h.Must(err)
		if want = h.Tree.Canonical(want); got != want {
			t.Errorf("the kernel holds %+v, wanted %+v", got, want)
		}
	}
	check(set)
	for _, r := range []resource.Resources{{Memory: 32 << 20, CPUs: 1.5, CPUWeight: 200, PIDs: 10, IOWeight: 50}, {Memory: 96 << 20, MemorySwap: 96 << 20},
		{Memory: 16 << 20, MemorySwap: 50 << 20}, {Memory: 20 << 20, MemorySwap: resource.Unlimited}, {}, {CPUs: 0.25}, set} {
		resources, err := h.Tree.ContainerResources(&r, true)
		h.Must(err)
		h.Must(task.UpdateResources(h.Ctx, h.Client, h.NS, "a", resources))
		check(r)
		h.Must(h.Stop(h.Ctx, h.NS, "a", "KILL", time.Second))
		h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
		check(r)
	}
	h.Must(h.Stop(h.Ctx, h.NS, "a", "KILL", time.Second))
	reset, err := h.Tree.ContainerResources(nil, true)
	h.Must(err)
	h.Must(task.UpdateResources(h.Ctx, h.Client, h.NS, "a", reset))
	spec, err := containers.Spec(h.Ctx, h.Client, h.NS, "a")
	h.Must(err)
	if *spec.Linux.Resources.Memory.Limit != -1 || len(spec.Linux.Resources.Devices) < 5 {
		t.Errorf("spec %+v", spec.Linux.Resources)
	}
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	check(resource.Resources{})
}

func TestExtraMount(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	hosts := filepath.Join(h.Dir, "hosts")
	h.Must(os.WriteFile(hosts, []byte("127.0.0.1 me\n"), 0o644))
	o := h.Options("a", labhost.Sh("cat /etc/hosts"))
	o.Mounts = []specs.Mount{{Destination: "/etc/hosts", Type: "bind", Source: hosts, Options: []string{"rbind", "ro"}}}
	if out := h.Run(o); out != "127.0.0.1 me\n" {
		t.Errorf("output %q", out)
	}
}

func TestNamespaces(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Must(namespace.Ensure(h.Ctx, h.Client, h.NS, map[string]string{"kukeon.io/path": "main", "more": "x"}))
	all, err := h.Client.Namespaces(h.Ctx)
	h.Must(err)
	if l := all[h.NS]; l["more"] != "x" || l["kukeon.io/path"] != "main" {
		t.Errorf("labels %v", l)
	}
	h.Start(h.Options("a", labhost.Sh("exec sleep 100")))
	if err := namespace.Remove(h.Ctx, h.Client, h.NS); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("with a container: %v", err)
	}
	h.Must(task.Remove(h.Ctx, h.Client, h.NS, "a"))
	_, err = h.Client.Containerd.SnapshotService(snapshot.Snapshotter).Prepare(client.In(h.Ctx, h.NS), "left", "")
	h.Must(err)
	h.Must(namespace.Release(h.Ctx, h.Client, h.NS, map[string]string{"more": "", "kept": "images"}))
	all, err = h.Client.Namespaces(h.Ctx)
	h.Must(err)
	if l := all[h.NS]; l["more"] != "" || l["kept"] != "images" || l["kukeon.io/path"] != "main" {
		t.Errorf("labels of a namespace that is kept for its images: %v", l)
	}
	if digests, err := image.Digests(h.Ctx, h.Client, h.NS); err != nil || len(digests) == 0 {
		t.Errorf("images that were kept: %v, %v", digests, err)
	}
	begin := time.Now()
	h.Must(namespace.Remove(h.Ctx, h.Client, h.NS))
	t.Logf("removing the namespace took %s", time.Since(begin))
	h.Must(namespace.Remove(h.Ctx, h.Client, h.NS))
	all, err = h.Client.Namespaces(h.Ctx)
	h.Must(err)
	if _, ok := all[h.NS]; ok {
		t.Error("the namespace is left")
	}
	h.Must(namespace.Ensure(h.Ctx, h.Client, h.NS, map[string]string{"more": ""}))
	all, err = h.Client.Namespaces(h.Ctx)
	h.Must(err)
	if l, ok := all[h.NS]; !ok || len(l) > 0 {
		t.Errorf("labels of a new namespace: %v, %t", l, ok)
	}
	h.Must(namespace.Release(h.Ctx, h.Client, h.NS, map[string]string{"kept": "images"}))
	all, err = h.Client.Namespaces(h.Ctx)
	h.Must(err)
	if _, ok := all[h.NS]; ok {
		t.Error("a namespace without images is kept")
	}
	h.Must(namespace.Ensure(h.Ctx, h.Client, h.NS, nil))
	usage, err := os.ReadDir("/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256")
	t.Logf("blobs on disk: %d, %v", len(usage), err)
}

func TestPausedAndCreated(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Start(h.Options("a", labhost.Sh("exec sleep 100")))
	ctx := client.In(h.Ctx, h.NS)
	container, err := h.Client.Containerd.LoadContainer(ctx, "a")
	h.Must(err)
	running, err := container.Task(ctx, nil)
	h.Must(err)
	h.Must(running.Pause(ctx))
	if c := h.Find("a"); c.Status != containers.StatusPaused || c.PID == 0 {
		t.Errorf("%+v", c)
	}
	if err := task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("start of a paused one: %v", err)
	}
	h.Must(h.Stop(h.Ctx, h.NS, "a", "TERM", 100*time.Millisecond))
	// What a kuke that was killed between the two steps of a start leaves behind.
	_, err = container.NewTask(ctx, cio.LogFile(h.Log("a")))
	h.Must(err)
	if c := h.Find("a"); c.Status != containers.StatusCreated {
		t.Errorf("%+v", c)
	}
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	if c := h.Find("a"); c.Status != containers.StatusRunning {
		t.Errorf("%+v", c)
	}
}
