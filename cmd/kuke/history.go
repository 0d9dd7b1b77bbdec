package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// entryNumber is the value of a flag that names an entry of the history, 0 while none is given.
type entryNumber uint64

var _ pflag.Value = (*entryNumber)(nil)

func (n *entryNumber) String() string {
	if n == nil || *n == 0 {
		return ""
	}
	return strconv.FormatUint(uint64(*n), 10)
}

func (n *entryNumber) Type() string { return "number" }

func (n *entryNumber) Set(s string) error {
	number, err := strconv.ParseUint(s, 10, 64)
	if err != nil || number == 0 {
		return errors.New("it must be the number of an entry, which kuke history lists")
	}
	*n = entryNumber(number)
	return nil
}

func newHistory(a *app) *cobra.Command {
	format, limit := "table", 20
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List the plans that were carried out on this host",
		Long: "history lists who carried out which plan, the last one first: each apply, destroy and operation that changed\n" +
			"something, also those that failed or were killed, and each import and state command that changed records. kuke show --history N\n" +
			"shows an entry with its changes, and kuke plan --rollback N plans back to its configuration.",
		Example: "  kuke history\n  kuke history --limit 0 -o json\n  kuke show --history 7\n  kuke plan --rollback 7",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			switch {
			case format != "table" && format != "json":
				return fmt.Errorf("--output: there is no format %q: use table or json", format)
			case limit < 0:
				return fmt.Errorf("--limit: %d is negative: use 0 for all entries", limit)
			}
			entries, err := a.session.History()
			if err != nil {
				return err
			}
			slices.Reverse(entries)
			more := 0
			if limit > 0 && len(entries) > limit {
				entries, more = entries[:limit], len(entries)-limit
			}
			if format == "json" {
				return a.out.JSON(entries)
			}
			a.out.History(entries, more)
			return nil
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", format, "`format`: table or json")
	cmd.Flags().IntVar(&limit, "limit", limit, "maximum `number` of entries; 0 for all")
	return cmd
}

// showEntry prints an entry of the history with the plan that was carried out.
func (a *app) showEntry(number uint64, format string) error {
	entry, p, why, err := a.session.HistoryEntry(number)
	if err != nil {
		return err
	}
	switch {
	case format == "json":
		return a.out.EntryJSON(entry, p)
	case format != "" && p == nil:
		return why
	case format != "":
		return a.out.PlanReport(p, format)
	}
	a.out.Entry(entry)
	if p == nil {
		a.errs.Note(fmt.Sprintf("Its changes can't be shown: %v.", why))
		return nil
	}
	a.out.CarriedOut(p)
	return nil
}
