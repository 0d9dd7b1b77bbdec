package view

import (
	"time"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// forecast estimates the remaining time of an apply. Its methods may not be called by several goroutines at once.
type forecast struct {
	steps       []plan.Step
	parallelism int
	// estimates are those of the steps, negative where none is known.
	estimates []time.Duration
	// tails are the estimates of the longest chains of steps that begin with each.
	tails []time.Duration
	// waiters are the steps that wait for each.
	waiters [][]int
	// begun holds the begin of running steps; over are those that have ended or will not begin.
	begun map[int]time.Time
	over  []bool
	// done and failed count steps.
	done, failed int
}

func newForecast(steps []plan.Step, past state.Durations, parallelism int) *forecast {
	f := &forecast{
		steps: steps, parallelism: max(parallelism, 1), begun: map[int]time.Time{}, over: make([]bool, len(steps)),
		waiters:   make([][]int, len(steps)),
		estimates: make([]time.Duration, len(steps)), tails: make([]time.Duration, len(steps)),
	}
	for i, s := range steps {
		took, ok := past.Estimate(s.Timed())
		if !ok {
			took = -1
		}
		f.estimates[i] = took
	}
	// A step follows those that it waits for.
	for i := len(steps) - 1; i >= 0; i-- {
		f.tails[i] += max(f.estimates[i], 0)
		for _, before := range steps[i].After {
			f.tails[before] = max(f.tails[before], f.tails[i])
			f.waiters[before] = append(f.waiters[before], i)
		}
	}
	return f
}

func (f *forecast) begin(i int, now time.Time) { f.begun[i] = now }

func (f *forecast) end(i int, failed bool) {
	delete(f.begun, i)
	if failed {
		f.failed++
		f.giveUp(i)
		return
	}
	f.over[i] = true
	f.done++
}

// giveUp drops a step that has failed or is skipped, and those that wait for it.
func (f *forecast) giveUp(i int) {
	if f.over[i] {
		return
	}
	f.over[i] = true
	for _, waiter := range f.waiters[i] {
		f.giveUp(waiter)
	}
}

// arrived improves the estimate of a pull by the bytes that have arrived of those known to be needed.
func (f *forecast) arrived(i int, bytes, total int64, elapsed time.Duration) {
	if bytes > 0 && bytes <= total {
		f.tails[i] -= max(f.estimates[i], 0)
		f.estimates[i] = time.Duration(float64(elapsed) * float64(total) / float64(bytes))
		f.tails[i] += f.estimates[i]
	}
}

// left returns the estimate for the rest of the steps: the longest chain of them, or all of them shared by the steps that may
// run at once. ok is false where no step is left, and as long as nothing is known about one of them.
func (f *forecast) left(now time.Time) (left time.Duration, ok bool) {
	var all, chain time.Duration
	for i, over := range f.over {
		if over {
			continue
		}
		if f.estimates[i] < 0 {
			return 0, false
		}
		ok = true
		spent := time.Duration(0)
		if begin, running := f.begun[i]; running {
			spent = min(now.Sub(begin), f.estimates[i])
		}
		all += f.estimates[i] - spent
		chain = max(chain, f.tails[i]-spent)
	}
	return max(chain, all/time.Duration(f.parallelism)), ok
}
