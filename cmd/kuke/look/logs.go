package look

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Logs hands the lines that the containers at the paths printed to print, each with the index of its path, and notes which
// processes the kernel killed in them. With [executor.LogOptions.Follow] it goes on until ctx ends.
func Logs(ctx context.Context, s *session.Session, store *state.Store, st *state.State, paths []resource.Path, o executor.LogOptions, print func(int, executor.LogEntry)) error {
	kills := kills(s, st)
	if !o.Follow {
		err := pastLogs(ctx, store, paths, o, print)
		for _, p := range paths {
			noteLastRun(s, kills, p)
		}
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for i, p := range paths {
		g.Go(func() error { return watchKills(ctx, s, kills, p) })
		g.Go(func() error {
			return executor.ReadLog(ctx, store.LogFile(p), o, func(e executor.LogEntry) error {
				print(i, e)
				return nil
			})
		})
	}
	return g.Wait()
}

// NoteLastRun notes which processes the kernel killed in the run of a container that has ended.
func NoteLastRun(s *session.Session, p resource.Path) {
	if _, st, err := s.State(); err == nil {
		noteLastRun(s, kills(s, st), p)
	}
}

// kills returns the counts of processes that the kernel killed in the containers of st; nil where this host doesn't count them:
// then logs are shown without.
func kills(s *session.Session, st *state.State) *executor.Kills {
	kills, err := executor.OpenKills(s.CgroupRoot, st)
	if err != nil {
		slog.Debug("can't count the processes that ran out of memory", "error", err)
		return nil
	}
	return kills
}

// noteLastRun notes, apart from the output of the container, the processes that the kernel killed in a run that has ended.
func noteLastRun(s *session.Session, kills *executor.Kills, p resource.Path) {
	if kills == nil {
		return
	}
	killed, running, err := kills.In(p)
	if err != nil {
		slog.Debug("can't count the processes that ran out of memory", "container", p, "error", err)
		return
	}
	switch {
	case killed == nil, running && killed.Processes > 0:
	case running:
		noteKilled(s, p, killed)
	default:
		s.Reporter.Note(fmt.Sprintf("The last run of container %s has ended: %s", p, killed))
	}
}

func noteKilled(s *session.Session, p resource.Path, killed *plan.Killed) {
	s.Reporter.Note(fmt.Sprintf("Container %s: %s", p, killed))
}

// watchKills notes the processes that the kernel kills in the container, until ctx ends; first those of a run that has ended.
func watchKills(ctx context.Context, s *session.Session, kills *executor.Kills, p resource.Path) error {
	if kills == nil {
		return nil
	}
	noteLastRun(s, kills, p)
	err := kills.Watch(ctx, p, func(killed *plan.Killed) { noteKilled(s, p, killed) })
	if err != nil && ctx.Err() == nil {
		slog.Debug("can't count the processes that ran out of memory any more", "container", p, "error", err)
		return nil
	}
	return err
}

// pastLogs prints the lines that there are, by the time at which they came.
func pastLogs(ctx context.Context, store *state.Store, paths []resource.Path, o executor.LogOptions, print func(int, executor.LogEntry)) error {
	type line struct {
		container int
		executor.LogEntry
	}
	var lines []line
	for i, p := range paths {
		err := executor.ReadLog(ctx, store.LogFile(p), o, func(e executor.LogEntry) error {
			if len(paths) == 1 {
				print(i, e)
				return nil
			}
			lines = append(lines, line{i, e})
			return nil
		})
		if err != nil {
			return err
		}
	}
	slices.SortStableFunc(lines, func(x, y line) int { return x.Time.Compare(y.Time) })
	for _, l := range lines {
		print(l.container, l.LogEntry)
	}
	return nil
}
