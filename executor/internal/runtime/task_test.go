package runtime

import (
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
)

// made makes the task of a container, as the first half of a start does.
func (h *host) made(id string) containerd.Task {
	h.t.Helper()
	ctx := in(h.ctx, h.ns)
	container, err := h.c.LoadContainer(ctx, id)
	h.must(err)
	task, err := container.NewTask(ctx, cio.LogFile(h.log(id)))
	h.must(err)
	return task
}

// A task whose process was killed between the two halves of a start has ended, as one that is killed a moment later.
func TestKilledBeforeStart(t *testing.T) {
	h := newHost(t)
	h.image()
	for _, tt := range []struct {
		name  string
		await bool // until containerd knows
	}{{"told", true}, {"untold", false}} {
		t.Run(tt.name, func(t *testing.T) {
			h.must(h.Create(h.ctx, h.ns, h.options(tt.name, sh("echo begins"))))
			made := h.made(tt.name)
			h.must(syscall.Kill(int(made.Pid()), syscall.SIGKILL))
			if tt.await {
				h.await(tt.name, StatusStopped)
			}
			if err := begin(in(h.ctx, h.ns), made); err != nil {
				t.Error(err)
			}
			if c := h.find(tt.name); c.Status != StatusStopped || c.ExitCode != 137 {
				t.Errorf("%+v", c)
			}
			h.must(h.Start(h.ctx, h.ns, tt.name, h.log(tt.name)))
			h.awaitOutput(tt.name, "begins\n")
		})
	}
}

// A container in the care of the restart monitor that is killed right after its start was started: it wasn't the monitor.
func TestKilledInCare(t *testing.T) {
	h := newHost(t)
	h.image()
	h.start(h.options("a", sh("exit 137")))
	h.must(h.SetRestart(h.ctx, h.ns, "a", "always", h.log("a")))
	h.await("a", StatusStopped)
	begin := time.Now()
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	t.Logf("started in %s", time.Since(begin))
	if c := h.find("a"); c.RestartPolicy != "always" {
		t.Errorf("%+v", c)
	}
}
