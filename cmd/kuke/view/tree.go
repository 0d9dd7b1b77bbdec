package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Tree draws resources, each parent right before its descendants, with their states and most important attributes. A
// parent without a row has lost its record: it is drawn as missing.
func (v *View) Tree(rows []Row) {
	if len(rows) == 0 {
		v.printf("Nothing is recorded.\n")
		return
	}
	rows = withParents(rows)
	var b strings.Builder
	for i, r := range rows {
		fmt.Fprintf(&b, "%s%s  %s", v.ink.faint("%s", branches(rows, i)), v.ink.bold("%s", lastName(r.Record.Path)), v.ink.stateColor(r))
		if more := summary(r); more != "" {
			fmt.Fprintf(&b, "  %s", v.ink.faint("%s", visible(more)))
		}
		b.WriteString("\n")
	}
	v.printf("%s", b.String())
}

// withParents returns the rows with one more for each missing parent. Rows that are all below the first one are a part
// of the tree, whose parents stay out of it.
func withParents(rows []Row) []Row {
	first, last := rows[0].Record.Path, rows[len(rows)-1].Record.Path
	have := map[resource.Path]bool{"": true}
	if first.Contains(last) && !rows[0].Record.IsKept() {
		have[first.Parent()] = true
	}
	var all []Row
	for _, r := range rows {
		var missing []Row // the lowest one first
		for p := r.Record.Path.Parent(); !have[p]; p = p.Parent() {
			row := Row{Record: &state.Record{Path: p}, State: plan.StateUnknown, Detail: "its record is missing"}
			if r.Record.IsKept() {
				row.State, row.Detail = "Destroyed", "volumes kept"
			}
			missing = append(missing, row)
			have[p] = true
		}
		slices.Reverse(missing)
		all = append(append(all, missing...), r)
		have[r.Record.Path] = true
	}
	return all
}

// branches returns the lines that connect the i-th row with those above it.
func branches(rows []Row, i int) string {
	text := ""
	for depth := rows[i].Record.Path.Depth(); depth > 1; depth-- {
		more := false // whether another one of this depth follows below the same parent
		for _, later := range rows[i+1:] {
			d := later.Record.Path.Depth()
			if d < depth {
				break
			}
			if d == depth {
				more = true
				break
			}
		}
		own := depth == rows[i].Record.Path.Depth()
		switch {
		case own && more:
			text = "├─ " + text
		case own:
			text = "└─ " + text
		case more:
			text = "│  " + text
		default:
			text = "   " + text
		}
	}
	return text
}

func (ink *palette) stateColor(r Row) string {
	switch r.State {
	case plan.StateReady:
		return ink.green("%s", stateText(r))
	case plan.StateFailed, plan.StateUnknown:
		return ink.red("%s", stateText(r))
	}
	return ink.yellow("%s", stateText(r))
}

// summary returns the most important attributes of a resource, on one line.
func summary(r Row) string {
	var parts []string
	switch spec := r.Record.Spec.(type) {
	case *resource.Realm:
		parts = append(parts, r.Record.Status.Namespace)
	case *resource.Space:
		if n := r.Record.Status.Network; n != nil {
			parts = append(parts, n.Subnet)
		}
	case *resource.Cell:
		for _, cell := range attachmentCells(r.Record.Status.Attachment) {
			if cell != "-" {
				parts = append(parts, cell)
			}
		}
	case *resource.Container:
		parts = append(parts, spec.Image)
		if n := restarts(r.Container); n != "0" && n != "-" {
			parts = append(parts, n+" restarts")
		}
	}
	return strings.Join(parts, "  ")
}
