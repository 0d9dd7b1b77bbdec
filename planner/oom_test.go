package planner

import (
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
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
		oom   map[string]OOM
		host  func(*host)
		state string
		plan  string
	}{
		{"its own limit", map[string]OOM{side: {1, 2, 2}, cell: {1, 0, 2}}, func(h *host) { h.kill(theSide, 137) },
			"Failed (137, killed by the kernel: memory limit 16 MiB)", "it was killed by the kernel: memory limit 16 MiB (exit code 137)"},
		{"that of the cell", map[string]OOM{side: {1, 0, 0}, cell: {1, 1, 1}}, func(h *host) { h.kill(theSide, 137) },
			"Failed (137, killed by the kernel: memory limit 64 MiB of cell main/default/blog/web)",
			"it was killed by the kernel: memory limit 64 MiB of cell main/default/blog/web (exit code 137)"},
		{"the host", map[string]OOM{side: {1, 0, 0}, cell: {1, 0, 0}}, func(h *host) { h.kill(theSide, 137) },
			"Failed (137, killed by the kernel: the host ran out of memory)", "it was killed by the kernel: the host ran out of memory (exit code 137)"},
		{"another one's", map[string]OOM{cell: {3, 1, 4}}, func(h *host) { h.kill(theSide, 137) }, "Failed (137)", "it exited with code 137"},
		{"a child, and so it failed", map[string]OOM{side: {2, 2, 2}}, func(h *host) { h.kill(theSide, 1) },
			"Failed (1, 2 processes killed by the kernel: memory limit 16 MiB)", "it exited with code 1, after the kernel killed 2 processes of it: memory limit 16 MiB"},
		{"a child", map[string]OOM{side: {1, 1, 1}}, func(*host) {}, "Ready (1 process killed by the kernel: memory limit 16 MiB)", ""},
		{"hit, but nothing killed", map[string]OOM{side: {0, 1, 1}}, func(*host) {}, "Ready", ""},
		{"an earlier run", map[string]OOM{cell: {3, 0, 4}}, again, "Ready (3 processes of earlier runs killed by the kernel: memory limit 16 MiB)", ""},
		{"an earlier run, by the cell", map[string]OOM{cell: {1, 1, 1}}, again,
			"Ready (1 process of earlier runs killed by the kernel: memory limit 64 MiB of cell main/default/blog/web)", ""},
		{"before it was changed", map[string]OOM{cell: {3, 0, 4}}, func(h *host) { h.at(theSide).StartedAt = at.Add(-time.Minute) }, "Ready", ""},
		{"one of two that restart", map[string]OOM{cell: {3, 0, 4}}, func(h *host) {
			again(h)
			h.prior.Records[theRoot].Spec = &resource.Container{Root: true, Image: "web:1", RestartPolicy: "always"}
		}, "Ready", "-"},
		{"killed by hand later", map[string]OOM{side: {1, 1, 1}}, func(h *host) {
			h.operation(Operation{Action: Kill, Signal: "SIGKILL", Paths: []resource.Path{theSide}})
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
			h.actual.At = h.actual.At.Add(2 * monitorPatience)
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
	two := &Killed{Processes: 2}
	for _, tt := range []struct {
		before, now *Killed
		want        int64
	}{
		{nil, nil, 0}, {nil, two, 2}, {two, two, 0}, {&Killed{Processes: 1}, two, 1}, {&Killed{Processes: 5}, two, 2}, {two, &Killed{Earlier: 2}, 0}, {two, nil, 0},
	} {
		got := tt.now.Since(tt.before)
		if (got == nil) != (tt.want == 0) || got != nil && got.Processes != tt.want {
			t.Errorf("since %+v, %+v tells of %+v, want %d", tt.before, tt.now, got, tt.want)
		}
	}
}
