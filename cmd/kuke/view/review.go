package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

// maxNamed is the number of resources that a part of the cost, or a kind of hazard, shows one by one; maxOthers the number of those
// whose hazard has their name alone.
const (
	maxNamed  = 3
	maxOthers = 10
)

// cost returns the line with the effect of a plan on running containers, their networks and their data; no line where it has none.
func (ink *palette) cost(p *plan.Plan) *page {
	b := &page{}
	if parts := costParts(p); len(parts) > 0 {
		const title = "Cost:"
		text := ink.prose(title+" "+strings.Join(parts, ", ")+".", 0)
		b.writef("%s%s\n", ink.bold(title), strings.TrimPrefix(text, title))
	}
	return b
}

func costParts(p *plan.Plan) (parts []string) {
	if c := p.Cost; c != nil {
		if n := len(c.Restarted); n > 0 {
			parts = append(parts, plural(n, "container")+" restarted")
		}
		if n := len(c.Ended); n > 0 {
			parts = append(parts, plural(n, "container")+" ended")
		}
		parts = append(parts, interruptions(c.Interruptions)...)
		parts = append(parts, closedPorts(c.ClosedPorts, true)...)
		parts = append(parts, closedPorts(c.ClosedPorts, false)...)
		parts = append(parts, losses(c.Losses)...)
	}
	if n := deletedLogs(p); n > 0 {
		parts = append(parts, "the logs of "+plural(n, "container")+" deleted")
	}
	if p.Cost != nil {
		parts = append(parts, pulls(p.Cost.Pulls)...)
	}
	return parts
}

// deletedLogs counts the containers whose logs go with them.
func deletedLogs(p *plan.Plan) (n int) {
	for _, c := range p.Changes {
		if c.Path.Kind() == resource.KindContainer && (c.Action == plan.Delete || c.Action == plan.Replace) && c.Before != nil {
			n++
		}
	}
	return n
}

func interruptions(all []plan.Interruption) []string {
	if len(all) == 0 {
		return nil
	}
	longest, known := 0.0, true
	for _, i := range all {
		if known = known && i.Seconds != nil; known {
			longest = max(longest, *i.Seconds)
		}
	}
	text := fmt.Sprintf("%s without network", plural(len(all), "cell"))
	if len(all) == 1 {
		text = fmt.Sprintf("cell %s without network", all[0].Cell)
	}
	switch {
	case !known:
		text += " for a moment"
	case len(all) == 1:
		text += " for " + review.Duration(longest)
	default:
		text += " for " + review.Duration(longest) + " each at most"
	}
	return []string{text}
}

// closedPorts names the ports that are opened again, or those that are not.
func closedPorts(all []plan.ClosedPort, reopened bool) []string {
	var ports []string
	for _, c := range all {
		if c.Reopened == reopened {
			ports = append(ports, visible(review.HostPort(c.Port)))
		}
	}
	if len(ports) == 0 {
		return nil
	}
	how := "closed meanwhile"
	if !reopened {
		how = "closed"
	}
	noun := "port"
	if len(ports) > 1 {
		noun = "ports"
	}
	return []string{fmt.Sprintf("%s %s %s", noun, named(natural(ports)), how)}
}

// losses sums the data in the own files of containers.
func losses(all []plan.Loss) (parts []string) {
	sum, n := int64(0), 0
	for _, l := range all {
		if l.Bytes != nil {
			sum += *l.Bytes
			n++
		}
	}
	if n > 0 {
		parts = append(parts, fmt.Sprintf("%s in the own files of %s deleted", review.Size(sum), plural(n, "container")))
	}
	if unknown := len(all) - n; unknown > 0 {
		parts = append(parts, fmt.Sprintf("the own files of %s deleted, whose size is unknown", plural(unknown, "container")))
	}
	return parts
}

func pulls(all []plan.Pull) []string {
	if len(all) == 0 {
		return nil
	}
	sum, unknown := int64(0), 0
	for _, p := range all {
		if p.Bytes == nil {
			unknown++
		} else {
			sum += *p.Bytes
		}
	}
	text := plural(len(all), "image") + " to pull"
	switch {
	case unknown == 0:
		text += " (" + review.Size(sum) + ")"
	case unknown < len(all):
		text += fmt.Sprintf(" (%s, and %d of unknown size)", review.Size(sum), unknown)
	}
	return []string{text}
}

// named lists names, of many only the first.
func named(names []string) string {
	if n := len(names) - maxNamed; n > 1 {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf(" and %d more", n)
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// hazards returns the hazards of a plan as warnings, one for each code, the gravest first. Resources with the same detail share it;
// of many details the first are shown, and the resources of the others named. Of containers with data, those with the most come first.
func (ink *palette) hazards(p *plan.Plan) *page {
	b := &page{}
	for _, code := range plan.HazardCodes() {
		of := slices.DeleteFunc(slices.Clone(p.Hazards), func(h plan.Hazard) bool { return h.Code != code })
		if len(of) == 0 {
			continue
		}
		of = inOrder(of, paths(of))
		if code == plan.DataLoss && p.Cost != nil {
			sortByLoss(of, p.Cost.Losses)
		}
		title := code
		if len(of) > 1 {
			title += fmt.Sprintf(" (%d resources)", len(of))
		}
		b.writef("\n")
		b.add(classWarning, "", "", ink.yellow("Warning: ")+ink.bold("%s", title)+"\n")
		b.writef("\n")
		alike := byDetail(of)
		shown := len(alike)
		if shown > maxNamed+1 {
			shown = maxNamed
		}
		for _, same := range alike[:shown] {
			noun := same[0].Path.Kind().Lower()
			if len(same) > 1 {
				noun += "s"
			}
			b.writef("  %s\n", ink.prose(noun+" "+named(paths(same))+": "+visible(same[0].Detail), 2))
		}
		if rest := slices.Concat(alike[shown:]...); len(rest) > 0 {
			names := paths(rest)
			if len(names) > maxOthers {
				names = append(names[:maxOthers], "…")
			}
			b.writef("  %s\n", ink.prose(fmt.Sprintf("… and %d more: %s", len(rest), strings.Join(names, ", ")), 2))
		}
	}
	return b
}

// byDetail groups hazards of one code that say the same of resources of one kind, in the order of the first of each group.
func byDetail(hazards []plan.Hazard) (groups [][]plan.Hazard) {
	type key struct {
		kind   resource.Kind
		detail string
	}
	at := map[key]int{}
	for _, h := range hazards {
		k := key{h.Path.Kind(), h.Detail}
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], h)
	}
	return groups
}

func paths(hazards []plan.Hazard) []string {
	names := make([]string, len(hazards))
	for i, h := range hazards {
		names[i] = string(h.Path)
	}
	return names
}

// sortByLoss puts containers without a known size first, then those with the most data.
func sortByLoss(hazards []plan.Hazard, losses []plan.Loss) {
	const unknown = 1 << 62
	bytes := map[resource.Path]int64{}
	for _, l := range losses {
		bytes[l.Container] = unknown
		if l.Bytes != nil {
			bytes[l.Container] = *l.Bytes
		}
	}
	slices.SortStableFunc(hazards, func(a, b plan.Hazard) int {
		switch x, y := bytes[a.Path], bytes[b.Path]; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
}
