package executor

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/logs"
	"github.com/kukeon/kuke/planner/plan"
)

// LogEntry is a line of a container's output.
type LogEntry = logs.Entry

// LogOptions select the lines to read.
type LogOptions = logs.ReadOptions

// ReadLog calls f for the lines of the log in file, the oldest first. With Follow it continues until ctx ends, and returns
// its error.
func ReadLog(ctx context.Context, file string, o LogOptions, f func(LogEntry) error) error {
	return logs.Read(ctx, file, o, f)
}

// LogSettles waits until the last output of a container that has just ended can be read.
func LogSettles() { time.Sleep(logSettleTime) }

// logSettleTime is the maximum time that a line takes from the container to its log.
const logSettleTime = 300 * time.Millisecond

// lastLines returns the last lines of the output of the container that the failed step was to run or to wait for, without
// sensitive values; none for other steps. ended says that the container has just ended.
func (e *Executor) lastLines(ctx context.Context, s plan.Step, ended bool) []string {
	const most = 10
	if s.Path == "" || s.Path.Kind() != resource.KindContainer {
		return nil
	}
	switch s.Op {
	case plan.OpCreate, plan.OpUpdate, plan.OpStart, plan.OpCheck:
	default:
		return nil
	}
	if ended {
		LogSettles()
	}
	lines, err := e.output(ctx, s.Path, most)
	if err != nil {
		slog.DebugContext(ctx, "can't read the log", "container", s.Path, "error", err) // the error of the step is the one to tell
	}
	return lines
}

// output returns the last lines of the output of the container, the oldest first, without sensitive values: none at all where one of
// these values is unknown, as it is to a command that reads no configuration.
func (e *Executor) output(ctx context.Context, p resource.Path, most int) (lines []string, err error) {
	if r := e.store.Record(p); r == nil || !e.secrets.Knows(r.Spec.(*resource.Container)) {
		return nil, nil
	}
	err = ReadLog(ctx, e.store.LogFile(p), LogOptions{Tail: most}, func(entry LogEntry) error {
		lines = append(lines, entry.Text)
		return nil
	})
	if len(lines) == 0 {
		return nil, err
	}
	// A value may have several lines.
	return strings.Split(e.secrets.RedactText(strings.Join(lines, "\n")), "\n"), err
}
