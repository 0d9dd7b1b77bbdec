package task_test

import (
	"slices"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/exec"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/task"
)

func score(h *labhost.Host, id string) int64 {
	h.T.Helper()
	score, err := task.OOMScoreAdj(int(h.Find(id).PID))
	h.Must(err)
	return score
}

// wantScoreInExec waits until a command in the container has the score, which it may get right after its start.
func wantScoreInExec(h *labhost.Host, id, score string) {
	h.T.Helper()
	script := `until [ "$(cat /proc/$$/oom_score_adj)" = ` + score + ` ]; do sleep 0.02; done`
	result, err := exec.Capture(h.Ctx, h.Client, h.NS, id, []string{"sh", "-c", script}, 30*time.Second)
	if err != nil || result.ExitCode != 0 {
		h.T.Errorf("a command in the container never has the score %s: %v", score, err)
	}
}

// children returns the processes of the container but its first.
func children(h *labhost.Host, id string) (pids []int) {
	h.T.Helper()
	container, err := h.Client.Containerd.LoadContainer(client.In(h.Ctx, h.NS), id)
	h.Must(err)
	running, err := container.Task(client.In(h.Ctx, h.NS), nil)
	h.Must(err)
	all, err := running.Pids(client.In(h.Ctx, h.NS))
	h.Must(err)
	for _, p := range all {
		if p.Pid != running.Pid() {
			pids = append(pids, int(p.Pid))
		}
	}
	return pids
}

func TestOOMScore(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	wait := func(score int64) resource.Container {
		c := labhost.Sh(`(echo 700 > /proc/self/oom_score_adj; exec sleep 1000) & sleep 1000 & wait`)
		c.OOMScoreAdj = score
		return c
	}
	h.Start(h.Options("a", wait(0)))
	if score := score(h, "a"); score != 0 {
		t.Errorf("a container has the score %d, want 0 and not that of containerd's shim", score)
	}
	h.Start(h.Options("b", wait(300)))
	if score := score(h, "b"); score != 300 {
		t.Errorf("score %d, want 300", score)
	}
	wantScoreInExec(h, "b", "300")

	h.Must(task.SetOOMScoreAdj(h.Ctx, h.Client, h.NS, "b", 400))
	if score := score(h, "b"); score != 400 {
		t.Errorf("after the change: score %d, want 400", score)
	}
	wantScoreInExec(h, "b", "400")
	var scores []int64
	for _, pid := range children(h, "b") {
		if score, err := task.OOMScoreAdj(pid); err == nil {
			scores = append(scores, score)
		}
	}
	if len(scores) < 2 || !slices.Contains(scores, 700) || !slices.Contains(scores, 400) {
		t.Errorf("children have the scores %v: want 400, and 700 for the one that chose it", scores)
	}
}

// A container that was made before kuke set a score gets it at its next start, and in exec at once.
func TestOOMScoreOfOldContainer(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	spec := labhost.Sh("sleep 1000")
	h.Must(containers.Create(h.Ctx, h.Client, h.NS, h.Options("a", spec)))
	h.Must(containers.UpdateSpec(client.In(h.Ctx, h.NS), h.Client, "a", func(s *specs.Spec) bool {
		s.Process.OOMScoreAdj = nil
		return true
	}))
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	shim := score(h, "a")
	h.Must(task.SetOOMScoreAdj(h.Ctx, h.Client, h.NS, "a", 500))
	if score := score(h, "a"); score != 500 {
		t.Errorf("score %d, want 500 in place of %d", score, shim)
	}
	wantScoreInExec(h, "a", "500")
	h.Must(h.Stop(h.Ctx, h.NS, "a", "KILL", 0))
	spec.OOMScoreAdj = 200
	h.Must(task.Prepare(h.Ctx, h.Client, h.NS, "a", &spec, ""))
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	if score := score(h, "a"); score != 200 {
		t.Errorf("started again: score %d, want 200", score)
	}
	// A container without a task is no error, and one that is missing is.
	h.Must(h.Stop(h.Ctx, h.NS, "a", "KILL", 0))
	h.Must(task.SetOOMScoreAdj(h.Ctx, h.Client, h.NS, "a", 100))
	if err := task.SetOOMScoreAdj(h.Ctx, h.Client, h.NS, "missing", 100); err == nil {
		t.Error("no error for a container that is missing")
	}
}
