package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

type logsOptions struct {
	scopeOptions
	follow, timestamps bool
	tail               int
	since              string
}

func newLogs(a *app) *cobra.Command {
	o := &logsOptions{}
	cmd := &cobra.Command{
		Use:   "logs NAME|PATH...",
		Short: "Show what containers printed",
		Long: "logs shows what containers printed, with several of them by the time at which it came and behind their names.\n" +
			"A NAME is a container's, looked up with --realm, --space, --stack and --cell; a PATH may also be that of a cell,\n" +
			"stack, space or realm, for all containers in it. It needs no containerd.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.logs(cmd.Context(), o, args) },
	}
	o.addScopeFlags(cmd)
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what is printed from now on")
	f.BoolVarP(&o.timestamps, "timestamps", "t", false, "show when each line came")
	f.IntVar(&o.tail, "tail", -1, "show the last lines only, that many of each container (default: all)")
	f.StringVar(&o.since, "since", "", "leave out what is older: a duration such as 10m, or a time such as 2026-01-02T15:04:05Z")
	return cmd
}

func (a *app) logs(ctx context.Context, o *logsOptions, args []string) error {
	read := executor.LogOptions{Tail: o.tail, Follow: o.follow}
	var err error
	if read.Since, err = parseSince(o.since, time.Now()); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	store, st, err := a.session.State()
	if err != nil {
		return err
	}
	paths, err := o.containers(st, args)
	if err != nil {
		return err
	}
	printer := a.out.Log(a.errs, names(paths), o.timestamps)
	kills := a.kills(st)
	if !o.follow {
		err := a.pastLogs(ctx, store, paths, read, printer)
		for _, p := range paths {
			a.noteLastRun(kills, p)
		}
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for i, p := range paths {
		g.Go(func() error { return a.watchKills(ctx, kills, p) })
		g.Go(func() error {
			return executor.ReadLog(ctx, store.LogFile(p), read, func(e executor.LogEntry) error {
				printer.Print(i, e)
				return nil
			})
		})
	}
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return exitCode(exitInterrupted)
}

// kills returns what tells of what the kernel killed in the containers of st; nil where this host doesn't: then logs are
// shown without.
func (a *app) kills(st *state.State) *executor.Kills {
	kills, err := executor.OpenKills(a.cgroupRoot, st)
	if err != nil {
		slog.Debug("can't tell what ran out of memory", "error", err)
		return nil
	}
	return kills
}

// noteLastRun says, apart from what the container printed, what the kernel killed in a run of it that has ended.
func (a *app) noteLastRun(kills *executor.Kills, p resource.Path) {
	if kills == nil {
		return
	}
	killed, running, err := kills.In(p)
	if err != nil {
		slog.Debug("can't tell what ran out of memory", "container", p, "error", err)
		return
	}
	switch {
	case killed == nil, running && killed.Processes > 0:
	case running:
		a.noteKilled(p, killed)
	default:
		a.errs.Note(fmt.Sprintf("The last run of container %s has ended: %s", p, killed))
	}
}

func (a *app) noteKilled(p resource.Path, killed *plan.Killed) {
	a.errs.Note(fmt.Sprintf("Container %s: %s", p, killed))
}

// watchKills says what the kernel kills in the container, until ctx ends, and before that of a run that has ended.
func (a *app) watchKills(ctx context.Context, kills *executor.Kills, p resource.Path) error {
	if kills == nil {
		return nil
	}
	a.noteLastRun(kills, p)
	err := kills.Watch(ctx, p, func(killed *plan.Killed) { a.noteKilled(p, killed) })
	if err != nil && ctx.Err() == nil {
		slog.Debug("can't tell any more what ran out of memory", "container", p, "error", err)
		return nil
	}
	return err
}

// pastLogs prints what there is by the time at which it came.
func (a *app) pastLogs(ctx context.Context, store *state.Store, paths []resource.Path, o executor.LogOptions, printer *view.Log) error {
	type line struct {
		container int
		executor.LogEntry
	}
	var lines []line
	for i, p := range paths {
		err := executor.ReadLog(ctx, store.LogFile(p), o, func(e executor.LogEntry) error {
			if len(paths) == 1 {
				printer.Print(i, e)
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
		printer.Print(l.container, l.LogEntry)
	}
	return nil
}

// parseSince reads a time, or how long ago it was; empty is the zero time.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("%q is neither a duration such as 10m nor a time such as 2026-01-02T15:04:05Z", s)
	}
	return t, nil
}

// containers returns the recorded containers that args stand for, each once.
func (o *scopeOptions) containers(st *state.State, args []string) ([]resource.Path, error) {
	var paths []resource.Path
	for _, arg := range args {
		scope, err := o.scope(st, resource.KindContainer, arg)
		if err != nil {
			return nil, err
		}
		found := false
		for _, p := range st.Paths() {
			if p.Kind() == resource.KindContainer && scope.Contains(p) {
				found = true
				if !slices.Contains(paths, p) {
					paths = append(paths, p)
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("%s %s has no container", scope.Kind().Lower(), scope)
		}
	}
	return paths, nil
}

// names returns the shortest ends of the paths that tell them apart: container names, else cell/container, and so on.
func names(paths []resource.Path) []string {
	for length := 1; ; length++ {
		short := make([]string, len(paths))
		seen := map[string]bool{}
		for i, p := range paths {
			all := p.Names()
			short[i] = strings.Join(all[max(0, len(all)-length):], "/")
			seen[short[i]] = true
		}
		if len(seen) == len(paths) || length >= resource.KindContainer.Depth() {
			return short
		}
	}
}
