package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// volumeHeader names the columns that [volumeCells] fills.
func volumeHeader(wide bool) []string {
	names := []string{"PATH", "STATE", "SIZE", "RECLAIM", "MOUNTED BY", "KEPT", "AGE"}
	if wide {
		names = append(names, "PROJECT", "PLACE")
	}
	return names
}

func volumeCells(r Row, wide bool, now time.Time) []string {
	since := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return compact(now.Sub(*t))
	}
	spec, status := r.Record.Spec.(*resource.Volume), r.Record.Status
	size, users, place := "-", "-", ""
	if use := r.Volume; use != nil {
		if use.Bytes != nil {
			size = units.BytesSize(float64(*use.Bytes))
		}
		users, place = orDash(mounters(use.MountedBy)), use.Dir
	}
	if opts := spec.DriverOpts; opts != nil {
		place = strings.TrimSpace(opts.Type + " " + opts.Device)
	}
	policy := spec.ReclaimPolicy
	if policy == "" {
		policy = resource.ReclaimRetain
	}
	cells := []string{string(r.Record.Path), stateText(r), size, policy, users, since(status.Volume.KeptSince), since(status.CreatedAt)}
	if wide {
		cells = append(cells, orDash(status.Project), orDash(place))
	}
	return cells
}

// mounters names the first of the containers that mount a volume, and the number of the others.
func mounters(paths []resource.Path) string {
	switch len(paths) {
	case 0:
		return ""
	case 1:
		return string(paths[0])
	}
	return fmt.Sprintf("%s and %d more", paths[0], len(paths)-1)
}

// lastName returns the last name of a path, that of a volume with its "@".
func lastName(p resource.Path) string {
	names := p.Names()
	return names[len(names)-1]
}

// keptText names the volumes that stay although no configuration declares them, those that the plan leaves and those that were
// left before, in a line each.
func keptText(p *plan.Plan) string {
	var left, before []*state.Record
	for _, r := range p.Kept {
		if r.IsKept() {
			before = append(before, r)
		} else {
			left = append(left, r)
		}
	}
	return keptLine(left, "will be kept", "will be kept") + keptLine(before, "is kept", "are kept")
}

func keptLine(records []*state.Record, one, several string) string {
	if len(records) == 0 {
		return ""
	}
	const shown = 5
	verb, them := one, "it"
	if len(records) > 1 {
		verb, them = several, "them"
	}
	var names []string
	for _, r := range records[:min(shown, len(records))] {
		names = append(names, string(r.Path))
	}
	more := ""
	if n := len(records) - shown; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("\n%s %s: %s%s. Delete %s with kuke delete volume PATH, or with kuke destroy --volumes.\n", plural(len(records), "volume"), verb, strings.Join(names, ", "), more, them)
}
