package planner

import (
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Judge returns the health of a container after another check, which has failed, or succeeded where failure is nil. A container is
// starting until its first success, or until as many checks as [resource.Healthcheck.Tries] have failed in a row; failures in the
// start period don't count.
func Judge(check *resource.Healthcheck, before plan.HealthStatus, failure *plan.CheckFailure, started, now time.Time) plan.HealthStatus {
	v := before
	v.CheckedAt, v.Detail, v.Output = now, "", ""
	if failure == nil {
		v.Failures, v.State = 0, state.Healthy
	} else {
		v.Detail, v.Output = failure.Detail, failure.Output
		if before.State != plan.HealthStarting || now.Sub(started) >= check.StartPeriod() {
			v.Failures++
		}
		if v.Failures >= check.Tries() {
			v.State = state.Unhealthy
		}
	}
	if v.State != before.State {
		v.Since = now
	}
	return v
}

// NextCheck returns the time of the next check of a container with the health v. The failures of one that is starting count at
// [resource.Healthcheck.Interval], so that only checks in its start period come sooner.
func NextCheck(check *resource.Healthcheck, v plan.HealthStatus, started, now time.Time) time.Time {
	if since := now.Sub(started); v.State == plan.HealthStarting && since < check.StartPeriod() {
		return now.Add(check.StartInterval(since))
	}
	return now.Add(check.Interval())
}

// The times between two restarts of a container that stays unhealthy.
const (
	firstBackOff = 10 * time.Second
	lastBackOff  = 5 * time.Minute
)

// RestartBackOff returns the time from a restart because the container was unhealthy to the next, where it is the n-th in a row.
func RestartBackOff(n int) time.Duration {
	wait := firstBackOff
	for ; n > 1 && wait < lastBackOff; n-- {
		wait *= 2
	}
	return min(wait, lastBackOff)
}

// SetHealth makes v the health of a container, whose detail then tells it.
func SetHealth(l *plan.Live, v *plan.HealthStatus) {
	l.Health = v
	l.Detail = containerDetail(l)
}
