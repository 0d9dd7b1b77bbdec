package task_test

import (
	"syscall"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/task"
)

// made makes the task of a container, as the first half of a start does.
func made(h *labhost.Host, id string) containerd.Task {
	h.T.Helper()
	ctx := client.In(h.Ctx, h.NS)
	container, err := h.Client.Containerd.LoadContainer(ctx, id)
	h.Must(err)
	task, err := container.NewTask(ctx, cio.LogFile(h.Log(id)))
	h.Must(err)
	return task
}

// A task whose process was killed between the two halves of a start has ended, as one that is killed a moment later.
func TestKilledBeforeStart(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	for _, tt := range []struct {
		name  string
		await bool // until containerd knows
	}{{"told", true}, {"untold", false}} {
		t.Run(tt.name, func(t *testing.T) {
			h.Must(containers.Create(h.Ctx, h.Client, h.NS, h.Options(tt.name, labhost.Sh("echo begins"))))
			made := made(h, tt.name)
			h.Must(syscall.Kill(int(made.Pid()), syscall.SIGKILL))
			if tt.await {
				h.Await(tt.name, containers.StatusStopped)
			}
			if err := task.Begin(client.In(h.Ctx, h.NS), made); err != nil {
				t.Error(err)
			}
			if c := h.Find(tt.name); c.Status != containers.StatusStopped || c.ExitCode != 137 {
				t.Errorf("%+v", c)
			}
			h.Must(task.Start(h.Ctx, h.Client, h.NS, tt.name, h.Log(tt.name)))
			h.AwaitOutput(tt.name, "begins\n")
		})
	}
}

// A container in the care of the restart monitor that is killed right after its start was started: it wasn't the monitor.
func TestKilledInCare(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Start(h.Options("a", labhost.Sh("exit 137")))
	h.Must(monitor.Set(h.Ctx, h.Client, h.NS, "a", "always", h.Log("a")))
	h.Await("a", containers.StatusStopped)
	begin := time.Now()
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	t.Logf("started in %s", time.Since(begin))
	if c := h.Find("a"); c.RestartPolicy != "always" {
		t.Errorf("%+v", c)
	}
}
