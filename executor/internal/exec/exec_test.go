package exec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/exec"
	"github.com/kukeon/kuke/executor/internal/labhost"
	"github.com/kukeon/kuke/executor/internal/shim"
	"github.com/kukeon/kuke/executor/internal/task"
)

// fifosIn returns the FIFOs of all processes for containers of the host's namespace.
func fifosIn(h *labhost.Host) []string {
	h.T.Helper()
	own, err := h.Client.Directory()
	h.Must(err)
	fifos, err := filepath.Glob(filepath.Join(filepath.Dir(own), "*", h.NS, "*", "*"))
	h.Must(err)
	return fifos
}

// leavesNothing checks that f leaves no goroutine, no FIFO and, of the container's shim, no record of a process.
func leavesNothing(h *labhost.Host, f func()) {
	h.T.Helper()
	// The connection's own goroutines come with the first call.
	h.Find("none")
	goroutines := goruntime.NumGoroutine()
	f()
	var now int
	for range 200 {
		if now = goruntime.NumGoroutine(); now <= goroutines {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if now > goroutines {
		stacks := make([]byte, 1<<20)
		h.T.Errorf("%d goroutines before and %d after:\n%s", goroutines, now, stacks[:goruntime.Stack(stacks, true)])
	}
	if fifos := fifosIn(h); len(fifos) > 0 {
		h.T.Errorf("FIFOs are left: %v", fifos)
	}
	left, err := filepath.Glob(filepath.Join("/run/containerd", shim.BundlesDir, h.NS, "*", "exec-*"))
	h.Must(err)
	if len(left) > 0 {
		h.T.Errorf("left in the bundle: %v", left)
	}
}

func TestExec(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	spec := labhost.Sh("exec sleep 100")
	spec.User, spec.WorkingDir, spec.Env = "web", "/etc", resource.Env{"GREETING": "hi"}
	h.Start(h.Options("a", spec))
	leavesNothing(h, func() {
		r, err := exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"sh", "-c", "id -u; id -G; pwd; echo $GREETING $HOSTNAME; echo err >&2; grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; ls /proc/1/exe 2>&1 | grep -c .; cat; exit 3"}, time.Minute)
		h.Must(err)
		out := string(r.Output)
		for _, want := range []string{"101\n", "102 103\n", "/etc\n", "hi web\n", "err\n", "NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t00000000a80425fb", "CapEff:\t0000000000000000"} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is missing in %q", want, out)
			}
		}
		if r.ExitCode != 3 {
			t.Errorf("exit code %d", r.ExitCode)
		}
		r, err = exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"sh", "-c", "kill -TERM $$"}, 0)
		if err != nil || r.ExitCode != 143 || len(r.Output) > 0 {
			t.Errorf("killed: %+v, %v", r, err)
		}
	})
}

func TestExecOutput(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Start(h.Options("a", labhost.Sh("exec sleep 100")))
	leavesNothing(h, func() {
		// More than the pipes and FIFOs between hold, so all of it has to pass before the end.
		for range 5 {
			r, err := exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"}, time.Minute)
			if err != nil || r.ExitCode != 0 || len(r.Output) != exec.OutputLimit || !bytes.HasSuffix(r.Output, []byte("line 19998\nline 19999\n")) {
				t.Errorf("%d, %v: %d bytes", r.ExitCode, err, len(r.Output))
			}
		}
		// None of the output may be lost, however short the command.
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for j := range 5 {
					want := fmt.Sprintf("%d %d\n", i, j)
					if r, err := exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"sh", "-c", "echo " + want}, time.Minute); err != nil || string(r.Output) != want {
						t.Errorf("%q, %v instead of %q", r.Output, err, want)
					}
				}
			})
		}
		wg.Wait()
		// Something in the background keeps the output open.
		begin := time.Now()
		r, err := exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"sh", "-c", "sleep 60 & echo started"}, time.Minute)
		if err != nil || string(r.Output) != "started\n" || time.Since(begin) > 30*time.Second {
			t.Errorf("background, after %s: %q, %v", time.Since(begin), r.Output, err)
		}
		t.Logf("with something in the background it took %s", time.Since(begin))
	})
}

func TestExecIsKilled(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	h.Start(h.Options("a", labhost.Sh("exec sleep 100")))
	// Enough for the command to print something on a busy host.
	const limit = 2 * time.Second
	leavesNothing(h, func() {
		for name, command := range map[string]string{
			"alone":    "echo before; exec sleep 50",
			"children": "echo before; trap '' TERM; (sleep 50; true) & (sleep 50 | cat; true); true",
			"flood":    "while :; do echo before; done",
		} {
			begin := time.Now()
			r, err := exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"sh", "-c", command}, limit)
			if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(string(r.Output[max(0, len(r.Output)-7):]), "before\n") || r.ExitCode != 137 {
				t.Errorf("%s: %d, %q, %v", name, r.ExitCode, r.Output, err)
			}
			if took := time.Since(begin); took < limit || took > limit+20*time.Second {
				t.Errorf("%s took %s", name, took)
			}
			t.Logf("%s: %v, took %s", name, err, time.Since(begin))
		}
		ctx, cancel := context.WithCancel(h.Ctx)
		time.AfterFunc(time.Second, cancel)
		if _, err := exec.Capture(ctx, h.Client, h.NS, "a", []string{"sleep", "50"}, time.Minute); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		// Cut short at any moment.
		for i := range 20 {
			_, err := exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"sleep", "50"}, time.Duration(i*8+1)*time.Millisecond)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	h.Must(err)
	for _, file := range processes {
		// A zombie, kept by a first process that reaps nothing, has none.
		if data, _ := os.ReadFile(file); string(data) == "sleep\x0050\x00" {
			t.Errorf("a command is left: %s", file)
		}
	}
}

func TestExecFails(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	_, err := exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"true"}, time.Second)
	if !errdefs.IsNotFound(err) {
		t.Errorf("no container: %v", err)
	}
	h.Must(containers.Create(h.Ctx, h.Client, h.NS, h.Options("a", labhost.Sh("exec sleep 100"))))
	if _, err = exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"true"}, time.Second); !errdefs.IsNotFound(err) {
		t.Errorf("no task: %v", err)
	}
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	leavesNothing(h, func() {
		_, err = exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"/nope", "x"}, time.Minute)
		if want := `run a command in container a: exec: "/nope": stat /nope: no such file or directory`; err == nil || err.Error() != want {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
		_, err = exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"nope"}, time.Minute)
		if want := `run a command in container a: exec: "nope": executable file not found in $PATH`; err == nil || err.Error() != want {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
		if _, err = exec.Capture(h.Ctx, h.Client, h.NS, "a", nil, time.Minute); !errdefs.IsInvalidArgument(err) {
			t.Errorf("nothing to run: %v", err)
		}
	})
	// The container ends under it.
	time.AfterFunc(2*time.Second, func() { _, _ = task.Stop(h.Ctx, h.Client, h.NS, "a", "KILL", time.Second) })
	r, err := exec.Capture(h.Ctx, h.Client, h.NS, "a", []string{"sleep", "50"}, 20*time.Second)
	t.Logf("the container ended: %+v, %v", r, err)
	if err == nil && r.ExitCode != 137 || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the container ended: %+v, %v", r, err)
	}
	h.Start(h.Options("b", labhost.Sh("exit 1")))
	h.Await("b", containers.StatusStopped)
	if _, err = exec.Capture(h.Ctx, h.Client, h.NS, "b", []string{"true"}, time.Second); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("stopped: %v", err)
	}
	t.Log(err)
}

func TestWait(t *testing.T) {
	h := labhost.NewHost(t)
	h.ImportImage()
	if _, err := task.Wait(h.Ctx, h.Client, h.NS, "a"); !errdefs.IsNotFound(err) {
		t.Errorf("no container: %v", err)
	}
	h.Must(containers.Create(h.Ctx, h.Client, h.NS, h.Options("a", labhost.Sh("exit 7"))))
	if _, err := task.Wait(h.Ctx, h.Client, h.NS, "a"); !errdefs.IsNotFound(err) {
		t.Errorf("no task: %v", err)
	}
	h.Must(task.Start(h.Ctx, h.Client, h.NS, "a", h.Log("a")))
	for range 3 {
		if exit, err := task.Wait(h.Ctx, h.Client, h.NS, "a"); err != nil || exit.Code != 7 {
			t.Errorf("code %d, %v", exit.Code, err)
		}
	}
	h.Start(h.Options("b", labhost.Sh("exec sleep 100")))
	ctx, cancel := context.WithTimeout(h.Ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := task.Wait(ctx, h.Client, h.NS, "b"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout: %v", err)
	}
	// Whoever stops it removes the task at once; those who wait have to get the code nevertheless.
	for i := range 15 {
		h.Must(task.Start(h.Ctx, h.Client, h.NS, "b", h.Log("b")))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if exit, err := task.Wait(h.Ctx, h.Client, h.NS, "b"); err != nil || exit.Code != 137 {
					t.Errorf("%d: code %d, %v", i, exit.Code, err)
				}
			})
		}
		time.Sleep(200 * time.Millisecond) // until the daemon has been asked, also on a busy host
		h.Must(h.Stop(h.Ctx, h.NS, "b", "KILL", time.Second))
		wg.Wait()
	}
}
