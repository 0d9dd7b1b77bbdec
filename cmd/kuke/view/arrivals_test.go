package view

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

func TestArrivals(t *testing.T) {
	now := time.Unix(1000, 0)
	a := &arrivals{}
	add := func(after time.Duration, bytes int64, want ...string) {
		t.Helper()
		now = now.Add(after)
		a.add(plan.Progress{Bytes: bytes, Total: 12e6}, now)
		if got := a.texts(now); !slices.Equal(got, want) {
			t.Errorf("after %s: %q, want %q", after, got, want)
		}
	}
	add(0, 0, "pulling… 0B of 12MB")
	add(100*time.Millisecond, 1e6, "pulling… 1MB of 12MB")
	add(900*time.Millisecond, 2e6, "pulling… 2MB of 12MB, 2MB/s, 5s left", "pulling… 2MB of 12MB, 2MB/s", "pulling… 2MB of 12MB")
	add(9*time.Second, 2e6, "pulling… 2MB of 12MB, 0B/s", "pulling… 2MB of 12MB")
	add(time.Second, 12e6, "unpacking… 12MB")
}

// layersOf is the progress of an image in whose layers the given numbers of bytes have arrived, of 1 MB each.
func layersOf(arrived ...int64) plan.Progress {
	p := plan.Progress{}
	for i, bytes := range arrived {
		l := plan.LayerProgress{Digest: fmt.Sprintf("sha256:%064d", i), State: plan.LayerDownloading, Bytes: bytes, Total: 1e6}
		if bytes == l.Total {
			l.State = plan.LayerDownloaded
		}
		p.Layers = append(p.Layers, l)
		p.Bytes, p.Total = p.Bytes+bytes, p.Total+l.Total
	}
	return p
}

// The layers on their way are below their image, as many as there is room for.
func TestBoardOfLayers(t *testing.T) {
	for height, shown := range map[int]int{24: 3, 6: 2, 4: 0} {
		t.Run(fmt.Sprint(height), func(t *testing.T) {
			s := newScreen(t, 100, height)
			out := New(s.slave, false)
			p := out.Progress(New(s.slave, false))
			p.Drawn = true
			steps := boardSteps()
			p.Begin(&plan.Plan{Steps: steps}, state.Durations{}, 2)
			p.Observe(plan.Event{Index: 0, Step: steps[0]})
			p.Observe(plan.Event{Index: 2, Step: steps[2]})
			s.sees("db: updating")
			p.Observe(plan.Event{Index: 0, Step: steps[0], Progress: layersOf(1e5, 1e6, 2e5, 3e5, 4e5)})
			s.sees("pulling… 2MB of 5MB")
			lines := []string{"layer sha256:000000000000: downloading… 100kB of 1MB", "200kB of 1MB", "300kB of 1MB", "400kB of 1MB"}
			for i, line := range lines {
				if i < shown {
					s.sees(line)
				} else if strings.Contains(s.text(), line) {
					t.Errorf("layer %d is shown:\n%s", i, s.text())
				}
			}
			if text := s.text(); shown > 0 && (strings.Index(text, lines[0]) < strings.Index(text, "nginx:1") || strings.Index(text, lines[0]) > strings.Index(text, "db: updating")) {
				t.Errorf("the layers are not below their image:\n%s", text)
			}
			p.Observe(plan.Event{Index: 0, Step: steps[0], Progress: layersOf(1e6, 1e6, 1e6, 1e6, 5e5)})
			s.sees("pulling… 4.5MB of 5MB")
			for i, step := range steps {
				if i == 1 {
					p.Observe(plan.Event{Index: i, Step: step})
				}
				p.Observe(plan.Event{Index: i, Step: step, Done: true})
			}
			p.End(&plan.Result{Plan: &plan.Plan{Steps: steps}})
			s.sees("complete")
			if text := s.text(); strings.Contains(text, "layer") || strings.Contains(text, "pulling") {
				t.Errorf("lines are left:\n%s", text)
			}
		})
	}
}
