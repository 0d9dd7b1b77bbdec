package look

import (
	"context"
	"sync"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/vitals"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// checkTime limits the checks that run because somebody looks, all together.
const checkTime = 5 * time.Second

// Health finds the health of running containers: as kuke health run publishes it, or else by a check of each. The zero value can be
// used again and again; a container is not checked again before the interval of its check is over.
type Health struct {
	// Published says that only published health counts, and that no check is run.
	Published bool

	mu   sync.Mutex
	last map[resource.Path]*plan.HealthStatus
}

// Of returns the health of the live containers, by path. A container that nothing tells of is missing.
func (h *Health) Of(ctx context.Context, exec *executor.Executor, lineage string, live []plan.Live) (map[resource.Path]*plan.HealthStatus, error) {
	published, err := vitals.Read(lineage)
	if err != nil {
		return nil, err
	}
	found := map[resource.Path]*plan.HealthStatus{}
	var ask []*state.Record
	for i := range live {
		l := &live[i]
		if l.State != plan.StateReady || l.Container == nil || l.Record.Path.Kind() != resource.KindContainer {
			continue
		}
		check := executor.Checkable(l.Record)
		switch {
		case check == nil:
		case published != nil:
			found[l.Record.Path] = fitting(published.Containers[l.Record.Path], l)
		case h.recent(l, check) != nil:
			found[l.Record.Path] = h.recent(l, check)
		case !h.Published:
			ask = append(ask, l.Record)
		}
	}
	if len(ask) == 0 {
		return found, nil
	}
	limited, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	checked, err := exec.CheckAll(limited, ask)
	if err != nil {
		return found, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		h.last = map[resource.Path]*plan.HealthStatus{}
	}
	for p, health := range checked {
		found[p], h.last[p] = health, health
	}
	return found, nil
}

// fitting returns the published health of the container, starting where it is of an earlier task.
func fitting(health *plan.HealthStatus, l *plan.Live) *plan.HealthStatus {
	if health == nil || health.ContainerID != l.Container.ID || health.PID != l.Container.PID {
		return &plan.HealthStatus{State: plan.HealthStarting, Since: l.Container.StartedAt, ContainerID: l.Container.ID, PID: l.Container.PID}
	}
	return health
}

// recent returns the result of the last check of the same task, nil where it is time for another.
func (h *Health) recent(l *plan.Live, check *resource.Healthcheck) *plan.HealthStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.last[l.Record.Path]
	if last == nil || last.PID != l.Container.PID || time.Since(last.CheckedAt) >= check.Interval() {
		return nil
	}
	return last
}

// add makes the health that is found the health of the live containers.
func (h *Health) add(ctx context.Context, exec *executor.Executor, lineage string, live []plan.Live) error {
	found, err := h.Of(ctx, exec, lineage, live)
	for i := range live {
		if health := found[live[i].Record.Path]; health != nil {
			planner.SetHealth(&live[i], health)
		}
	}
	return err
}
