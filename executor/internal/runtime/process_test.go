package runtime

import (
	"slices"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
)

func (h *host) score(id string) int64 {
	h.t.Helper()
	score, err := OOMScoreAdj(int(h.find(id).PID))
	h.must(err)
	return score
}

// wantScoreInExec waits until a command in the container has the score, which it may get right after its start.
func (h *host) wantScoreInExec(id, score string) {
	h.t.Helper()
	script := `until [ "$(cat /proc/$$/oom_score_adj)" = ` + score + ` ]; do sleep 0.02; done`
	result, err := h.Exec(h.ctx, h.ns, id, []string{"sh", "-c", script}, 30*time.Second)
	if err != nil || result.ExitCode != 0 {
		h.t.Errorf("a command in the container never has the score %s: %v", score, err)
	}
}

// children returns the processes of the container but its first.
func (h *host) children(id string) (pids []int) {
	h.t.Helper()
	container, err := h.c.LoadContainer(in(h.ctx, h.ns), id)
	h.must(err)
	running, err := container.Task(in(h.ctx, h.ns), nil)
	h.must(err)
	all, err := running.Pids(in(h.ctx, h.ns))
	h.must(err)
	for _, p := range all {
		if p.Pid != running.Pid() {
			pids = append(pids, int(p.Pid))
		}
	}
	return pids
}

func TestOOMScore(t *testing.T) {
	h := newHost(t)
	h.image()
	wait := func(score int64) resource.Container {
		c := sh(`(echo 700 > /proc/self/oom_score_adj; exec sleep 1000) & sleep 1000 & wait`)
		c.OOMScoreAdj = score
		return c
	}
	h.start(h.options("a", wait(0)))
	if score := h.score("a"); score != 0 {
		t.Errorf("a container has the score %d, want 0 and not that of containerd's shim", score)
	}
	h.start(h.options("b", wait(300)))
	if score := h.score("b"); score != 300 {
		t.Errorf("score %d, want 300", score)
	}
	h.wantScoreInExec("b", "300")

	h.must(h.SetOOMScoreAdj(h.ctx, h.ns, "b", 400))
	if score := h.score("b"); score != 400 {
		t.Errorf("after the change: score %d, want 400", score)
	}
	h.wantScoreInExec("b", "400")
	var scores []int64
	for _, pid := range h.children("b") {
		if score, err := OOMScoreAdj(pid); err == nil {
			scores = append(scores, score)
		}
	}
	if len(scores) < 2 || !slices.Contains(scores, 700) || !slices.Contains(scores, 400) {
		t.Errorf("children have the scores %v: want 400, and 700 for the one that chose it", scores)
	}
}

// A container that was made before kuke set a score gets it at its next start, and in exec at once.
func TestOOMScoreOfOldContainer(t *testing.T) {
	h := newHost(t)
	h.image()
	spec := sh("sleep 1000")
	h.must(h.Create(h.ctx, h.ns, h.options("a", spec)))
	h.must(h.updateSpec(in(h.ctx, h.ns), "a", func(s *specs.Spec) bool {
		s.Process.OOMScoreAdj = nil
		return true
	}))
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	shim := h.score("a")
	h.must(h.SetOOMScoreAdj(h.ctx, h.ns, "a", 500))
	if score := h.score("a"); score != 500 {
		t.Errorf("score %d, want 500 in place of %d", score, shim)
	}
	h.wantScoreInExec("a", "500")
	h.must(h.stop(h.ctx, h.ns, "a", "KILL", 0))
	spec.OOMScoreAdj = 200
	h.must(h.Prepare(h.ctx, h.ns, "a", &spec))
	h.must(h.Start(h.ctx, h.ns, "a", h.log("a")))
	if score := h.score("a"); score != 200 {
		t.Errorf("started again: score %d, want 200", score)
	}
	// A container without a task is no error, and one that is missing is.
	h.must(h.stop(h.ctx, h.ns, "a", "KILL", 0))
	h.must(h.SetOOMScoreAdj(h.ctx, h.ns, "a", 100))
	if err := h.SetOOMScoreAdj(h.ctx, h.ns, "missing", 100); err == nil {
		t.Error("no error for a container that is missing")
	}
}
