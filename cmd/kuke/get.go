package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// getFormats are the values of -o.
var getFormats = []string{"table", "wide", "yaml", "json", "name"}

type getOptions struct {
	scopeOptions
	format string
}

func newGet(a *app) *cobra.Command {
	o := &getOptions{}
	cmd := &cobra.Command{
		Use:   "get KIND [PATH]",
		Short: "Show resources with their live state",
		Long: "get shows the recorded resources of a kind (realms, spaces, stacks, cells or containers, singular or\n" +
			"plural), as the host has them now. PATH restricts it to a resource and what is below it; a container's\n" +
			"name alone is looked up with --realm, --space, --stack and --cell.\n" +
			"With -o yaml it prints manifests, which describe the very same resources when they are applied again.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.get(cmd, o, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.format, "output", "o", "table", "one of "+strings.Join(getFormats, ", "))
	o.addScopeFlags(cmd)
	return cmd
}

func (a *app) get(cmd *cobra.Command, o *getOptions, args []string) error {
	kind, err := parseKind(args[0])
	if err != nil {
		return err
	}
	if !slices.Contains(getFormats, o.format) {
		return fmt.Errorf("--output: there is no format %q: use one of %s", o.format, strings.Join(getFormats, ", "))
	}
	store, st, err := a.readState()
	if err != nil {
		return err
	}
	var scope realm.Path
	if len(args) == 2 {
		if scope, err = o.scope(st, kind, args[1]); err != nil {
			return err
		}
	}
	var records []*state.Record
	for _, p := range st.Paths() {
		if p.Kind() == kind && (scope == "" || scope.Contains(p)) {
			records = append(records, st.Records[p])
		}
	}
	if o.format == "table" || o.format == "wide" || o.format == "json" {
		exec, err := a.open(cmd.Context(), store)
		if err != nil {
			return err
		}
		defer exec.Close()
		actual, err := exec.Refresh(cmd.Context(), nil, st)
		if err != nil {
			return err
		}
		return a.printLive(o, kind, rows(records, actual))
	}
	return a.printRecords(o, records)
}

func parseKind(s string) (realm.Kind, error) {
	for _, k := range realm.Kinds {
		if s == k.Lower() || s == k.Lower()+"s" {
			return k, nil
		}
	}
	return "", fmt.Errorf("there is no kind %q: use realm, space, stack, cell or container", s)
}

func rows(records []*state.Record, actual *planner.Actual) []view.Row {
	rows := make([]view.Row, 0, len(records))
	for _, r := range records {
		row := view.Row{Record: r, State: "Ready"}
		ns := actual.Namespaces[r.Status.Namespace]
		switch _, cgroup := actual.Cgroups[r.Status.Cgroup]; {
		case r.Path.Kind() == realm.KindContainer:
			if ns != nil {
				row.Container = ns.Containers[r.Status.ContainerID]
			}
			row.State = row.Container.State()
			row.Detail = detail(r.Status.Health, row.Container)
		case !cgroup || ns == nil && r.Path.Kind() == realm.KindRealm:
			row.State = "Pending"
		}
		rows = append(rows, row)
	}
	return rows
}

// detail says more about the state of a container: its health, or the code it exited with.
func detail(health *state.Health, c *planner.Container) string {
	switch {
	case c == nil:
	case c.Status == planner.TaskStopped:
		return fmt.Sprint(c.ExitCode)
	case c.Status == planner.TaskRunning && health != nil:
		return health.State
	}
	return ""
}

func (a *app) printLive(o *getOptions, kind realm.Kind, rows []view.Row) error {
	if o.format != "json" {
		a.out.Table(kind, rows, o.format == "wide", time.Now())
		return nil
	}
	type liveJSON struct {
		*state.Record
		State    string  `json:"state"`
		PID      uint32  `json:"pid,omitempty"`
		ExitCode *uint32 `json:"exitCode,omitempty"`
		Restarts *int    `json:"restarts,omitempty"`
	}
	live := make([]liveJSON, 0, len(rows))
	for _, r := range rows {
		l := liveJSON{Record: r.Record, State: r.State}
		if r.Container != nil {
			l.PID = r.Container.PID
			if r.Container.Status == planner.TaskStopped {
				l.ExitCode = &r.Container.ExitCode
			}
			if r.Container.Restarts >= 0 {
				l.Restarts = &r.Container.Restarts
			}
		}
		live = append(live, l)
	}
	return a.out.JSON(live)
}

func (a *app) printRecords(o *getOptions, records []*state.Record) error {
	if len(records) == 0 {
		return errors.New("nothing of that kind is recorded")
	}
	for i, r := range records {
		if o.format == "name" {
			a.out.Text(string(r.Path) + "\n")
			continue
		}
		data, err := state.EncodeManifest(r)
		if err != nil {
			return err
		}
		if i > 0 {
			a.out.Text("---\n")
		}
		a.out.Text(string(data))
	}
	return nil
}
