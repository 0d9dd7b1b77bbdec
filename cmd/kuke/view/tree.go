package view

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// Tree draws resources, each parent right before its descendants, with their states and most important attributes.
func (v *View) Tree(rows []Row) {
	if len(rows) == 0 {
		v.printf("Nothing is recorded.\n")
		return
	}
	var b strings.Builder
	for i, r := range rows {
		fmt.Fprintf(&b, "%s%s  %s", v.faint("%s", branches(rows, i)), v.bold("%s", r.Record.Path.Name()), v.stateColor(r))
		if more := summary(r); more != "" {
			fmt.Fprintf(&b, "  %s", v.faint("%s", visible(more)))
		}
		b.WriteString("\n")
	}
	v.printf("%s", b.String())
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

func (v *View) stateColor(r Row) string {
	switch r.State {
	case plan.StateReady:
		return v.green("%s", stateText(r))
	case plan.StateFailed, plan.StateUnknown:
		return v.red("%s", stateText(r))
	}
	return v.yellow("%s", stateText(r))
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
