package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kukeon/kuke/cmd/kuke/look"
	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config/resource"
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
		Short: "Show the resource usage of realms, spaces, stacks, cells and containers",
		Long: "top shows the use of processor time, memory, swap and processes, read from the cgroups. A level includes all\n" +
			"resources below. A value that the host does not account for is shown as -.",
		Example: "  kuke top\n  kuke top main/default/blog --containers --sort memory\n  kuke top --once -o json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.once && !cmd.Flags().Changed("interval") {
				o.interval = onceInterval
			}
			return a.top(cmd.Context(), o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.once, "once", false, "one sample, over one second unless --interval is given")
	f.BoolVar(&o.once, "no-stream", false, "the same as --once")
	f.BoolVar(&o.containers, "containers", false, "containers only")
	f.DurationVar(&o.interval, "interval", 2*time.Second, "sampling interval")
	f.StringVar(&o.sort, "sort", "path", "`column` to sort by: path, cpu, memory or pids")
	f.StringVarP(&o.format, "output", "o", "table", "`format`: table or json")
	return cmd
}

func (a *app) top(ctx context.Context, o *topOptions, args []string) error {
	order := topOrders[o.sort]
	switch {
	case order == nil:
		return fmt.Errorf("--sort: there is no column %q: use path, cpu, memory or pids", o.sort)
	case o.format != "table" && o.format != "json":
		return fmt.Errorf("--output: there is no format %q: use table or json", o.format)
	case o.interval < 10*time.Millisecond:
		return fmt.Errorf("--interval: %s is too short for a measurement", o.interval)
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
		samples, err := look.Usage(ctx, &a.session, scope, o.containers, o.interval)
		if ctx.Err() != nil {
			return exitCode(exitInterrupted)
		}
		if err != nil {
			return err
		}
		rows := make([]view.UsageRow, 0, len(samples))
		for _, s := range samples {
			rows = append(rows, usageRow(s))
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

// usageRow returns the row of a sample: unknown values are negative.
func usageRow(s look.Sample) view.UsageRow {
	row := view.UsageRow{Path: s.Record.Path, CPU: s.CPU(), Memory: -1, Swap: -1, PIDs: -1}
	if s.After == nil {
		return row
	}
	row.Memory, row.Swap, row.PIDs = s.After.Memory, s.After.Swap, s.After.PIDs
	if limits := resource.ResourcesOf(s.Record.Spec); s.Record.Status.Limits != nil {
		row.MemoryLimit, row.PIDsLimit = limits.Memory, limits.PIDs
		if swap := limits.Swap(); swap != resource.Unlimited && s.After.Swap >= 0 {
			row.SwapLimit = &swap
		}
	}
	return row
}
