package view

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Live prints rows of one kind as a table, or those of all kinds as a tree.
func (v *View) Live(kind resource.Kind, rows []Row, wide bool, now time.Time) {
	if kind == "" {
		v.Tree(rows)
		return
	}
	v.Table(kind, rows, wide, now)
}

// LiveJSON prints rows as JSON.
func (v *View) LiveJSON(rows []Row) error { return v.JSON(liveOf(rows)) }

// liveJSON is a resource in the output of get -o json.
type liveJSON struct {
	*state.Record
	State      string          `json:"state"`
	Detail     string          `json:"detail,omitempty"`
	PID        uint32          `json:"pid,omitempty"`
	ExitCode   *uint32         `json:"exitCode,omitempty"`
	Signal     string          `json:"signal,omitempty"`
	Restarts   *int            `json:"restarts,omitempty"`
	StartedAt  *time.Time      `json:"startedAt,omitempty"`
	FinishedAt *time.Time      `json:"finishedAt,omitempty"`
	OOM        *oomJSON        `json:"oom,omitempty"`
	Volume     *plan.VolumeUse `json:"volume,omitempty"`
	// Health is the present health of a container that runs; that of its last apply is in the status.
	Health *plan.HealthStatus `json:"health,omitempty"`
}

// oomJSON counts the processes that the kernel killed in a container because memory ran out.
type oomJSON struct {
	Killed        int64         `json:"killed"`
	KilledEarlier int64         `json:"killedEarlier,omitempty"` // in runs before the last one
	LimitOf       resource.Path `json:"limitOf,omitempty"`       // missing where the host ran out of memory
	Limit         int64         `json:"limit,omitempty"`         // in bytes
}

func liveOf(rows []Row) []liveJSON {
	live := make([]liveJSON, 0, len(rows))
	for _, r := range rows {
		l := liveJSON{Record: r.Record, State: r.State, Detail: r.Detail, Volume: r.Volume, Health: r.Health}
		if c := r.Container; c != nil {
			l.PID = c.PID
			if c.Restarts >= 0 {
				l.Restarts = &c.Restarts
			}
			l.StartedAt = known(c.StartedAt)
		}
		if e := r.Exit; e != nil {
			l.ExitCode, l.Signal, l.FinishedAt = &e.Code, signalOf(e.Code), known(e.At)
		}
		if k := r.Killed; k != nil {
			l.OOM = &oomJSON{Killed: k.Processes, KilledEarlier: k.Earlier, LimitOf: k.Level, Limit: k.Limit}
		}
		live = append(live, l)
	}
	return live
}

func known(t time.Time) *time.Time {
	if t.IsZero() || t.Unix() == 0 {
		return nil
	}
	t = t.UTC()
	return &t
}

// signalOf returns the name of the signal that ended a process, by its exit code in the form of the shell.
func signalOf(code uint32) string {
	const killed = 128
	if code <= killed {
		return ""
	}
	return unix.SignalName(unix.Signal(code - killed))
}
