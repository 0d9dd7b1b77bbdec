package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/state"
)

type topOptions struct {
	once       bool
	containers bool
	interval   time.Duration
	sort       string
	format     string
}

// onceInterval is how long --once looks.
const onceInterval = time.Second

// topOrders are the values of --sort.
var topOrders = map[string]func(x, y view.UsageRow) int{
	"path":   func(x, y view.UsageRow) int { return resource.ComparePaths(x.Path, y.Path) },
	"cpu":    func(x, y view.UsageRow) int { return cmp.Compare(y.CPU, x.CPU) },
	"memory": func(x, y view.UsageRow) int { return cmp.Compare(y.Memory, x.Memory) },
	"pids":   func(x, y view.UsageRow) int { return cmp.Compare(y.PIDs, x.PIDs) },
}

func newTop(a *app) *cobra.Command {
	o := &topOptions{}
	cmd := &cobra.Command{
		Use:   "top [PATH]",
		Short: "Show what resources use, live",
		Long: "top shows the processor time, the memory, the swap and the processes of resources, from the files of their\n" +
			"cgroups: each with all that is below it. What this host doesn't account for is shown as -.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.once && !cmd.Flags().Changed("interval") {
				o.interval = onceInterval
			}
			return a.top(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.once, "once", false, "show it once, over one second unless --interval says otherwise")
	f.BoolVar(&o.once, "no-stream", false, "the same as --once")
	f.BoolVar(&o.containers, "containers", false, "show containers only")
	f.DurationVar(&o.interval, "interval", 2*time.Second, "how long to look each time")
	f.StringVar(&o.sort, "sort", "path", "order: path, cpu, memory or pids")
	f.StringVarP(&o.format, "output", "o", "table", "table or json")
	return cmd
}

func (a *app) top(ctx context.Context, o *topOptions, args []string) error {
	order := topOrders[o.sort]
	switch {
	case order == nil:
		return fmt.Errorf("--sort: there is no order %q: use path, cpu, memory or pids", o.sort)
	case o.format != "table" && o.format != "json":
		return fmt.Errorf("--output: there is no format %q: use table or json", o.format)
	case o.interval < 10*time.Millisecond:
		return fmt.Errorf("--interval: %s is too short to see anything in it", o.interval)
	}
	var scope resource.Path
	if len(args) > 0 {
		p, err := resource.ParsePath(args[0])
		if err != nil {
			return err
		}
		scope = p
	}
	inPlace := term.IsTerminal(int(a.stdout.Fd())) && !o.once
	for first := true; ; first = false {
		rows, err := a.usage(ctx, o, scope)
		if ctx.Err() != nil {
			return exitCode(exitInterrupted)
		}
		if err != nil {
			return err
		}
		slices.SortStableFunc(rows, order)
		if inPlace {
			a.out.Clear()
		} else if !first {
			a.out.Text("\n")
		}
		if o.format == "json" {
			err = a.out.JSON(rows)
		} else {
			a.out.Usage(rows)
		}
		if err != nil || o.once {
			return err
		}
	}
}

// usage looks twice, an interval apart.
func (a *app) usage(ctx context.Context, o *topOptions, scope resource.Path) ([]view.UsageRow, error) {
	store, st, err := a.session.State()
	if err != nil {
		return nil, err
	}
	if scope != "" && st.Records[scope] == nil {
		return nil, fmt.Errorf("there is no %s %s in the state", scope.Kind().Lower(), scope)
	}
	exec, err := a.session.Open(ctx, store)
	if err != nil {
		return nil, err
	}
	defer exec.Close()
	var records []*state.Record
	for _, p := range st.Paths() {
		if (scope == "" || scope.Contains(p)) && (!o.containers || p.Kind() == resource.KindContainer) {
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
	case <-time.After(o.interval):
	}
	after, end, err := usages(exec, records)
	if err != nil {
		return nil, err
	}
	rows := make([]view.UsageRow, len(records))
	for i, r := range records {
		rows[i] = view.UsageRow{Path: r.Path, CPU: -1, Memory: -1, Swap: -1, PIDs: -1}
		if after[i] == nil {
			continue
		}
		rows[i].Memory, rows[i].Swap, rows[i].PIDs = after[i].Memory, after[i].Swap, after[i].PIDs
		if limits := resource.ResourcesOf(r.Spec); r.Status.Limits != nil {
			rows[i].MemoryLimit, rows[i].PIDsLimit = limits.Memory, limits.PIDs
			if swap := limits.Swap(); swap != resource.Unlimited && after[i].Swap >= 0 {
				rows[i].SwapLimit = &swap
			}
		}
		// A cgroup made anew in between has used less than the one before it.
		if before[i] != nil && after[i].CPU >= max(0, before[i].CPU) {
			rows[i].CPU = 100 * float64(after[i].CPU-before[i].CPU) / float64(end.Sub(begin))
		}
	}
	return rows, nil
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
