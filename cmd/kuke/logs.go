package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/look"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
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
		Short: "Show the output of one or more containers",
		Long: "logs prints the output of containers. The lines of several containers are sorted by time and begin with the name of\n" +
			"their container. NAME is a container, completed with --realm, --space, --stack and --cell. PATH may also be a cell,\n" +
			"stack, space or realm: all containers below. logs needs no containerd.",
		Example: "  kuke logs main/default/blog/web/nginx\n  kuke logs --follow --tail 20 main/default/blog\n  kuke logs --since 10m --timestamps nginx --realm main --stack blog --cell web",
		Args:    cobra.MinimumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.logs(cmd.Context(), o, args) },
	}
	o.addScopeFlags(cmd)
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "new lines as they are written")
	f.BoolVarP(&o.timestamps, "timestamps", "t", false, "time of each line")
	f.IntVar(&o.tail, "tail", -1, "`number` of last lines of each container (default: all)")
	f.StringVar(&o.since, "since", "", "earliest `time` of a line: a duration like 10m, or a time like 2026-01-02T15:04:05Z")
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
	if paths, err = a.readable(st, paths); err != nil {
		return err
	}
	printer := a.out.Log(a.errs, names(paths), o.timestamps)
	err = look.Logs(ctx, &a.session, store, st, paths, read, printer.Print)
	if o.follow && errors.Is(err, context.Canceled) {
		return exitCode(exitInterrupted)
	}
	return err
}

// readable returns the containers whose logs kuke has, and says of the others where their output is. It is an error if there are
// only others.
func (a *app) readable(st *state.State, paths []resource.Path) ([]resource.Path, error) {
	var own []resource.Path
	var others []string
	for _, p := range paths {
		r := st.Records[p]
		switch driver := r.Spec.(*resource.Container).LogDriver(); driver {
		case resource.LogJournald:
			others = append(others, fmt.Sprintf("container %s logs to the journal of the host. To read it, run: journalctl CONTAINER_ID=%s", p, r.Status.ContainerID))
		case resource.LogNone:
			others = append(others, fmt.Sprintf("container %s has the logging driver none: its output is not kept", p))
		default:
			own = append(own, p)
		}
	}
	if len(own) == 0 {
		return nil, errors.New(strings.Join(others, "\n"))
	}
	for _, text := range others {
		a.errs.Note("C" + text[1:])
	}
	return own, nil
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
		return t, fmt.Errorf("%q is neither a duration like 10m nor a time like 2026-01-02T15:04:05Z", s)
	}
	return t, nil
}

// containers returns the recorded containers that args refer to, each once.
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
