package planner

import (
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// What the kernel kills for want of memory is told with the state of the container, and with the reason of its start.
func TestKilled(t *testing.T) {
	const cell, side = "/kukeon/" + string(theCell), "/kukeon/" + string(theSide) + "_side"
	desired := example(func(s specs) {
		s[theCell].(*resource.Cell).Resources = &resource.Resources{Memory: 64 << 20}
		container(s, theSide).Resources = &resource.Resources{Memory: 16 << 20}
		container(s, theSide).RestartPolicy = "always"
	})
	again := func(h *host) { h.at(theSide).StartedAt = at.Add(time.Minute) }
	tests := []struct {
		name  string
		oom   map[string]plan.OOM
		host  func(*host)
		state string
		plan  string
	}{
		{"its own limit", map[string]plan.OOM{side: {Kills: 1, Hits: 2, HitsBelow: 2}, cell: {Kills: 1, Hits: 0, HitsBelow: 2}}, func(h *host) { h.kill(theSide, 137) },
			"Failed (137, killed by the kernel: memory limit 16 MiB)", "it was killed by the kernel: memory limit 16 MiB (exit code 137)"},
		{"that of the cell", map[string]plan.OOM{side: {Kills: 1, Hits: 0, HitsBelow: 0}, cell: {Kills: 1, Hits: 1, HitsBelow: 1}}, func(h *host) { h.kill(theSide, 137) },
			"Failed (137, killed by the kernel: memory limit 64 MiB of cell main/default/blog/web)",
			"it was killed by the kernel: memory limit 64 MiB of cell main/default/blog/web (exit code 137)"},
		{"the host", map[string]plan.OOM{side: {Kills: 1, Hits: 0, HitsBelow: 0}, cell: {Kills: 1, Hits: 0, HitsBelow: 0}}, func(h *host) { h.kill(theSide, 137) },
			"Failed (137, killed by the kernel: the host ran out of memory)", "it was killed by the kernel: the host ran out of memory (exit code 137)"},
		{"another one's", map[string]plan.OOM{cell: {Kills: 3, Hits: 1, HitsBelow: 4}}, func(h *host) { h.kill(theSide, 137) }, "Failed (137)", "it exited with code 137"},
		{"a child, and so it failed", map[string]plan.OOM{side: {Kills: 2, Hits: 2, HitsBelow: 2}}, func(h *host) { h.kill(theSide, 1) },
			"Failed (1, 2 processes killed by the kernel: memory limit 16 MiB)", "it exited with code 1, after the kernel killed 2 processes of it: memory limit 16 MiB"},
		{"a child", map[string]plan.OOM{side: {Kills: 1, Hits: 1, HitsBelow: 1}}, func(*host) {}, "Ready (1 process killed by the kernel: memory limit 16 MiB)", ""},
		{"hit, but nothing killed", map[string]plan.OOM{side: {Kills: 0, Hits: 1, HitsBelow: 1}}, func(*host) {}, "Ready", ""},
		{"an earlier run", map[string]plan.OOM{cell: {Kills: 3, Hits: 0, HitsBelow: 4}}, again, "Ready (3 processes of earlier runs killed by the kernel: memory limit 16 MiB)", ""},
		{"an earlier run, by the cell", map[string]plan.OOM{cell: {Kills: 1, Hits: 1, HitsBelow: 1}}, again,
			"Ready (1 process of earlier runs killed by the kernel: memory limit 64 MiB of cell main/default/blog/web)", ""},
		{"before it was changed", map[string]plan.OOM{cell: {Kills: 3, Hits: 0, HitsBelow: 4}}, func(h *host) { h.at(theSide).StartedAt = at.Add(-time.Minute) }, "Ready", ""},
		{"one of two that restart", map[string]plan.OOM{cell: {Kills: 3, Hits: 0, HitsBelow: 4}}, func(h *host) {
			again(h)
			h.prior.Records[theRoot].Spec = &resource.Container{Root: true, Image: "web:1", RestartPolicy: "always"}
		}, "Ready", "-"},
		{"killed by hand later", map[string]plan.OOM{side: {Kills: 1, Hits: 1, HitsBelow: 1}}, func(h *host) {
			h.operation(Operation{Action: plan.Kill, Signal: "SIGKILL", Paths: []resource.Path{theSide}})
		}, "Failed (137, 1 process killed by the kernel: memory limit 16 MiB)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			h.converge(desired, Options{})
			for _, r := range h.prior.Records {
				r.Status.UpdatedAt = &at
			}
			h.actual.OOM = tt.oom
			tt.host(h)
			live := States(h.prior, h.actual)[theSide]
			got := live.State
			if live.Detail != "" {
				got += " (" + live.Detail + ")"
			}
			if got != tt.state {
				t.Errorf("state %q, want %q", got, tt.state)
			}
			if tt.plan == "-" {
				return
			}
			// Under a restart policy it is a warning at first, and a change when containerd doesn't start it again.
			_, diags := h.new(desired, Options{})
			if tt.plan != "" && (len(diags) != 1 || !strings.Contains(diags[0].Detail, tt.plan)) {
				t.Errorf("diagnostics %v, want %q", diags, tt.plan)
			}
			h.actual.At = h.actual.At.Add(2 * plan.MonitorPatience)
			p := h.plan(desired, Options{})
			reason := ""
			if len(p.Changes) > 0 {
				reason = p.Changes[0].Reasons[0]
			}
			if reason != tt.plan {
				t.Errorf("reason %q, want %q", reason, tt.plan)
			}
		})
	}
}

func TestKilledSince(t *testing.T) {
	two := &plan.Killed{Processes: 2}
	for _, tt := range []struct {
		before, now *plan.Killed
		want        int64
	}{
		{nil, nil, 0}, {nil, two, 2}, {two, two, 0}, {&plan.Killed{Processes: 1}, two, 1}, {&plan.Killed{Processes: 5}, two, 2}, {two, &plan.Killed{Earlier: 2}, 0}, {two, nil, 0},
	} {
		got := tt.now.Since(tt.before)
		if (got == nil) != (tt.want == 0) || got != nil && got.Processes != tt.want {
			t.Errorf("since %+v, %+v tells of %+v, want %d", tt.before, tt.now, got, tt.want)
		}
	}
}
