package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kukeon/kuke/cmd/kuke/look"
	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// getFormats are the values of -o.
var getFormats = []string{"table", "wide", "yaml", "json", "name"}

// watchInterval is how often the host is looked at for --watch.
const watchInterval = time.Second

type getOptions struct {
	scopeOptions
	format string
	watch  bool
	health look.Health
	// kind is the kind to show, empty for all; within restricts it to a resource and the resources below it.
	kind   resource.Kind
	within string
}

func newGet(a *app) *cobra.Command {
	o := &getOptions{}
	cmd := &cobra.Command{
		Use:   "get [KIND [PATH]]",
		Short: "Show resources with their live state",
		Long: "get shows the recorded resources of a kind with their state on the host: realms, spaces, stacks, cells,\n" +
			"containers or volumes, singular or plural. Without a kind it draws all resources as a tree. PATH restricts the output to a\n" +
			"resource and the resources below it; a name alone is completed with --realm, --space, --stack and --cell.\n" +
			"\n" +
			"A container with a healthcheck shows its health: as kuke health run keeps it up, or else by a check that get runs now. All\n" +
			"checks together have 5 seconds; a container whose check takes longer is unknown. --no-checks shows the last recorded\n" +
			"health instead. -o json and get container PATH -o yaml add the output of a failed check.\n" +
			"\n" +
			"-o yaml prints manifests that can be applied. get images [REALM] lists the images of a realm.",
		Example: "  kuke get\n  kuke get containers -o wide\n  kuke get cells main/default/blog --watch\n  kuke get containers -o json",
		Args:    cobra.MaximumNArgs(2),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.get(cmd, o, args) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.format, "output", "o", "table", "`format`: "+strings.Join(getFormats, ", "))
	f.BoolVarP(&o.watch, "watch", "w", false, "changes as they happen")
	f.BoolVar(&o.health.Published, "no-checks", false, "health without checks that run now")
	o.addScopeFlags(cmd)
	return cmd
}

func (a *app) get(cmd *cobra.Command, o *getOptions, args []string) (err error) {
	if !slices.Contains(getFormats, o.format) {
		return fmt.Errorf("--output: there is no format %q: use one of %s", o.format, strings.Join(getFormats, ", "))
	}
	live := o.format == "table" || o.format == "wide" || o.format == "json"
	if o.watch && (!live || o.format == "json") {
		return fmt.Errorf("--watch prints tables only: leave out --output %s", o.format)
	}
	if len(args) > 0 && (args[0] == "image" || args[0] == "images") {
		return a.getImages(cmd, o, args[1:])
	}
	if len(args) > 0 {
		if o.kind, err = parseKind(args[0]); err != nil {
			return fmt.Errorf("%w, or images", err)
		}
	}
	if len(args) > 1 {
		o.within = args[1]
	}
	switch {
	case o.watch:
		return a.watch(cmd.Context(), o)
	case !live:
		store, st, records, err := a.selected(o)
		if err != nil {
			return err
		}
		if o.format == "yaml" && o.kind == resource.KindContainer && o.within != "" {
			if records, err = look.Healths(cmd.Context(), &a.session, store, st, records, &o.health); err != nil {
				a.warnUnknown(err)
			}
		}
		return a.printRecords(o, records)
	}
	rows, unknown, err := a.rows(cmd.Context(), o)
	if err != nil {
		return err
	}
	if unknown != nil {
		a.warnUnknown(unknown)
	}
	if o.format == "json" {
		return a.out.LiveJSON(rows)
	}
	a.out.Live(o.kind, rows, o.format == "wide", time.Now())
	return nil
}

// warnUnknown warns that the host can't be asked.
func (a *app) warnUnknown(why error) {
	var diags resource.Diagnostics
	diags.Warnf(resource.Range{}, "", "Live state unknown", "%s.", strings.TrimSuffix(why.Error(), "."))
	a.errs.Diagnostics(diags, nil)
}

func parseKind(s string) (resource.Kind, error) {
	for _, k := range resource.AllKinds {
		if s == k.Lower() || s == k.Plural() {
			return k, nil
		}
	}
	return "", fmt.Errorf("there is no kind %q: use realm, space, stack, cell, container or volume", s)
}

// selected returns the records that are asked for.
func (a *app) selected(o *getOptions) (*state.Store, *state.State, []*state.Record, error) {
	store, st, err := a.session.State()
	if err != nil {
		return nil, nil, nil, err
	}
	var scope resource.Path
	if o.within != "" {
		if scope, err = o.scope(st, o.kind, o.within); err != nil {
			return nil, nil, nil, err
		}
	}
	var records []*state.Record
	for _, p := range st.Paths() {
		if (o.kind == "" || p.Kind() == o.kind) && (scope == "" || scope.Contains(p)) {
			records = append(records, st.Records[p])
		}
	}
	return store, st, records, nil
}

// rows returns the resources that are asked for as the host has them. If the host can't be asked, unknown says why, and all are
// Unknown.
func (a *app) rows(ctx context.Context, o *getOptions) (rows []view.Row, unknown, err error) {
	store, st, records, err := a.selected(o)
	if err != nil {
		return nil, nil, err
	}
	rows, unknown = look.Live(ctx, &a.session, store, st, records, &o.health)
	if o.kind == resource.KindVolume {
		look.Volumes(store, st, rows)
	}
	return rows, unknown, ctx.Err()
}

// watch prints the resources that are asked for, and again those that change, until it is interrupted.
func (a *app) watch(ctx context.Context, o *getOptions) error {
	watch := a.out.Watch(o.kind, o.format == "wide")
	return a.everyInterval(ctx, func() (unknown, err error) {
		rows, unknown, err := a.rows(ctx, o)
		if err != nil || ctx.Err() != nil {
			return nil, err
		}
		watch.Rows(rows, time.Now())
		return unknown, nil
	})
}

// everyInterval calls draw until it fails or the command is interrupted, and says why the resources are unknown, once for
// as long as they are, but again and again where standard output is a terminal, which is drawn on in place.
func (a *app) everyInterval(ctx context.Context, draw func() (unknown, err error)) error {
	inPlace := term.IsTerminal(int(a.stdout.Fd()))
	said := ""
	for {
		unknown, err := draw()
		a.session.ConnectTimeout = 0 // the next look is the next try
		if err != nil && ctx.Err() == nil {
			return err
		}
		note := ""
		if unknown != nil {
			note = unknown.Error()
		}
		if note != "" && (inPlace || note != said) {
			a.errs.Note(note)
		}
		said = note
		select {
		case <-ctx.Done():
			return exitCode(exitInterrupted)
		case <-time.After(watchInterval):
		}
	}
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
		a.out.Manifest(string(data))
	}
	return nil
}
