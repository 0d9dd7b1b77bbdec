package planner

import (
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// TestJudge follows a container through its checks: . succeeds, x fails. One check takes place each second.
func TestJudge(t *testing.T) {
	const (
		s, h, u = plan.HealthStarting, state.Healthy, state.Unhealthy
	)
	for _, tt := range []struct {
		name   string
		check  resource.Healthcheck
		checks string
		want   []string
	}{
		{"healthy at once", resource.Healthcheck{}, ".", []string{h}},
		{"slow start", resource.Healthcheck{}, "xx.", []string{s, s, h}},
		{"never healthy", resource.Healthcheck{}, "xxxx", []string{s, s, u, u}},
		{"single failures", resource.Healthcheck{Retries: 2}, ".x.x.xx.", []string{h, h, h, h, h, h, u, h}},
		{"start period", resource.Healthcheck{Retries: 1, StartPeriodSeconds: 3}, "xxx", []string{s, s, u}},
		{"the first success ends the start period", resource.Healthcheck{Retries: 1, StartPeriodSeconds: 9}, "x.x", []string{s, h, u}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := plan.HealthStatus{State: plan.HealthStarting, Since: at}
			for i, result := range tt.checks {
				var failure *plan.CheckFailure
				if result == 'x' {
					failure = &plan.CheckFailure{Detail: "no", Output: "out"}
				}
				before, now := v, at.Add(time.Duration(i+1)*time.Second)
				if v = Judge(&tt.check, v, failure, at, now); v.State != tt.want[i] {
					t.Errorf("after check %d it is %s, not %s", i+1, v.State, tt.want[i])
				}
				if changed := v.State != before.State; changed != v.Since.Equal(now) || !v.CheckedAt.Equal(now) {
					t.Errorf("after check %d: since %s, checked at %s", i+1, v.Since, v.CheckedAt)
				}
				if (v.Detail == "no" && v.Output == "out") != (failure != nil) {
					t.Errorf("after check %d: %q, %q", i+1, v.Detail, v.Output)
				}
			}
		})
	}
}

func TestNextCheck(t *testing.T) {
	check := &resource.Healthcheck{IntervalSeconds: 30, StartPeriodSeconds: 10, StartIntervalSeconds: 2}
	for _, tt := range []struct {
		state       string
		since, want time.Duration
	}{
		{plan.HealthStarting, time.Second, 2 * time.Second},
		{plan.HealthStarting, 11 * time.Second, 30 * time.Second},
		{state.Healthy, time.Second, 30 * time.Second},
	} {
		now := at.Add(tt.since)
		if got := NextCheck(check, plan.HealthStatus{State: tt.state}, at, now).Sub(now); got != tt.want {
			t.Errorf("%s since %s: %s", tt.state, tt.since, got)
		}
	}
}

func TestRestartBackOff(t *testing.T) {
	for n, want := range map[int]time.Duration{1: 10 * time.Second, 2: 20 * time.Second, 3: 40 * time.Second, 6: 5 * time.Minute, 1000: 5 * time.Minute} {
		if got := RestartBackOff(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}
