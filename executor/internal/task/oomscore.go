package task

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/containerd/errdefs"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
)

// SetOOMScoreAdj sets the OOM score adjustment of a container: of its later tasks, and of its running processes, except
// those whose adjustment differs from that of the first process. A container without a task is no error.
func SetOOMScoreAdj(ctx context.Context, c *client.Client, ns, id string, score int64) error {
	return client.Wrap(setOOMScoreAdj(client.In(ctx, ns), c, id, score), "set the OOM score of container %s", id)
}

func setOOMScoreAdj(ctx context.Context, c *client.Client, id string, score int64) error {
	err := containers.UpdateSpec(ctx, c, id, func(s *specs.Spec) bool {
		if s.Process == nil {
			return false
		}
		value := int(score)
		s.Process.OOMScoreAdj = &value
		return true
	})
	if err != nil {
		return err
	}
	container, err := c.Containerd.LoadContainer(ctx, id)
	if err != nil {
		return err
	}
	task, err := container.Task(ctx, nil)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	before, err := OOMScoreAdj(int(task.Pid()))
	if err != nil {
		return notRunning(err)
	}
	processes, err := task.Pids(ctx)
	if err != nil {
		return client.Gone(err)
	}
	for _, p := range processes {
		if now, err := OOMScoreAdj(int(p.Pid)); err != nil || now != before {
			continue
		}
		if err := writeOOMScoreAdj(p.Pid, score); err != nil {
			return err
		}
	}
	return nil
}

// OOMScoreAdj returns the OOM score adjustment of a process, -1000 to 1000.
func OOMScoreAdj(pid int) (int64, error) {
	data, err := os.ReadFile(scoreFile(pid))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
}

func scoreFile(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/oom_score_adj" }

func writeOOMScoreAdj(pid uint32, score int64) error {
	return notRunning(os.WriteFile(scoreFile(int(pid)), []byte(strconv.FormatInt(score, 10)), 0))
}

// notRunning returns err, or nil where it says that the process has ended.
func notRunning(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// AdjustOOMScore sets the OOM score adjustment of its spec on a process that was started in a running container: runc gives
// it that of the task, or, where the task was made without one, that of containerd's shim.
func AdjustOOMScore(pid uint32, spec *specs.Process) error {
	if spec.OOMScoreAdj == nil {
		return nil
	}
	want := int64(*spec.OOMScoreAdj)
	if now, err := OOMScoreAdj(int(pid)); err != nil || now == want {
		return notRunning(err)
	}
	return writeOOMScoreAdj(pid, want)
}
