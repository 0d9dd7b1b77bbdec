package main

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/executor/lab"
)

// generation returns a configuration that gives the n-th name to each level, with the moves from the names before.
func generation(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
realm "crash" {
  space "space%[1]d" {
    stack "stack%[1]d" {
      cell "cell%[1]d" {
        for_each = toset(["a", "b"])
        container "root%[1]d" {
          image   = "busybox"
          command = "/bin/sh"
          args    = %[2]s
        }
        container "side" {
          image          = "busybox"
          command        = "/bin/sh"
          args           = %[2]s
          restart_policy = "always"
          depends_on     = ["root%[1]d"]
        }
      }
    }
  }
}
`, n, sleeper)
	if n == 0 {
		return b.String()
	}
	for _, of := range []string{"space.space", "stack.stack", "cell.cell", "container.root"} {
		fmt.Fprintf(&b, "moved {\n  from = %s%d\n  to   = %s%d\n}\n", of, n-1, of, n)
	}
	return b.String()
}

// tasks returns the containers of the realm, with their processes.
func tasks(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("ctr", "-n", "kukeon-crash", "tasks", "ls").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// TestKillMoves kills an apply that moves all levels at random moments: the next one brings it to its end, and no process has
// changed.
func TestKillMoves(t *testing.T) {
	dir := crashHost(t)
	rounds := 12
	if lab.Mode() == lab.Hybrid {
		rounds = 4
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	config := func(n int) string { return writeConfig(t, dir, fmt.Sprintf("%d.hcl", n), generation(n)) }
	mustKuke(t, "apply", "--auto-approve", "-f", config(0))
	want := tasks(t)
	start := time.Now()
	mustKuke(t, "apply", "--auto-approve", "-f", config(1))
	whole := time.Since(start)
	killed := 0
	for n := 2; n < rounds+2; n++ {
		file := config(n)
		// Planning takes a part of the time, in which nothing is moved yet.
		if killAfter(t, whole/3+time.Duration(random.Int64N(int64(whole)*2/3)), "apply", "--auto-approve", "-f", file) {
			killed++
		}
		mustKuke(t, "apply", "--auto-approve", "-f", file)
		if out, code := kuke(t, "plan", "--detailed-exitcode", "-f", file); code != 0 {
			t.Fatalf("the plan after the apply exited with %d:\n%s", code, out)
		}
		if got := tasks(t); got != want {
			t.Fatalf("the tasks are\n%s\nand were\n%s", got, want)
		}
		for _, p := range strings.Fields(mustKuke(t, "state", "list")) {
			if space := fmt.Sprintf("crash/space%d", n); p != "crash" && !strings.HasPrefix(p, space) {
				t.Fatalf("%s is still recorded", p)
			}
		}
	}
	t.Logf("%d of %d were killed before they were done", killed, rounds)
	if killed == 0 {
		t.Error("no apply was killed while it ran: the test proves nothing")
	}
	// Destroyed where it stands, half moved.
	killAfter(t, whole*2/3, "apply", "--auto-approve", "-f", config(rounds+2))
	mustKuke(t, "destroy", "--auto-approve")
	if left := leftovers(); left != "" {
		t.Errorf("left on the host:\n%s", left)
	}
}
