package look

import (
	"context"
	"time"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/state"
)

// Sample is the usage of a recorded resource, measured twice. Before and After are nil if it had no cgroup then.
type Sample struct {
	Record        *state.Record
	Before, After *executor.Usage
	Elapsed       time.Duration
}

// CPU returns the processor time in percent of one processor, -1 if it is not known.
func (s Sample) CPU() float64 {
	// A cgroup that was created in between has used less than the one before it.
	if s.Before == nil || s.After == nil || s.After.CPU < max(0, s.Before.CPU) {
		return -1
	}
	return 100 * float64(s.After.CPU-s.Before.CPU) / float64(s.Elapsed)
}

// Usage measures the recorded resources at and below scope, or all for an empty one, twice, an interval apart.
func Usage(ctx context.Context, s *session.Session, scope resource.Path, containersOnly bool, interval time.Duration) ([]Sample, error) {
	store, st, err := s.State()
	if err != nil {
		return nil, err
	}
	if scope != "" && st.Records[scope] == nil {
		return nil, st.Missing(scope)
	}
	exec, err := s.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	defer exec.Close()
	var records []*state.Record
	for _, p := range st.Paths() {
		if (scope == "" || scope.Contains(p)) && (!containersOnly || p.Kind() == resource.KindContainer) {
			records = append(records, st.Records[p])
		}
	}
	before, begin, err := usages(exec, records)
	if err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(interval):
	}
	after, end, err := usages(exec, records)
	if err != nil {
		return nil, err
	}
	samples := make([]Sample, len(records))
	for i, r := range records {
		samples[i] = Sample{Record: r, Before: before[i], After: after[i], Elapsed: end.Sub(begin)}
	}
	return samples, nil
}

func usages(exec *executor.Executor, records []*state.Record) ([]*executor.Usage, time.Time, error) {
	all := make([]*executor.Usage, len(records))
	for i, r := range records {
		u, err := exec.Usage(r)
		if err != nil {
			return nil, time.Time{}, err
		}
		all[i] = u
	}
	return all, time.Now(), nil
}
