package assemble

import (
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// reportCycle reports that each member of cycle waits for the next, and the last for the first. name returns the name by
// which dependencies refer to a path.
func reportCycle(cycle []*schema.Declaration, name func(resource.Path) string, reason string, diags *resource.Diagnostics) {
	names := make([]string, 0, len(cycle)+1)
	for _, member := range append(slices.Clone(cycle), cycle[0]) {
		names = append(names, name(member.Path))
	}
	at := dependencyRange(cycle[0], names[1])
	if most := 12; len(names) > most {
		names = slices.Concat(names[:most-2], []string{"…"}, names[len(names)-2:])
	}
	diags.Errorf(at, cycle[0].Path, "Dependency cycle", "%s, %s. Remove one of these dependencies.", strings.Join(names, " → "), reason)
}

// maxCycles bounds how many cycles are looked for: more than anybody reads at once.
const maxCycles = 20

// cycles returns circles of declarations of which each waits for the next and the last for the first: one for
// every place where a walk along waitsFor comes back to where it was, up to a bound.
func cycles(all []*schema.Declaration, waitsFor func(*schema.Declaration) []*schema.Declaration) [][]*schema.Declaration {
	var found [][]*schema.Declaration
	var stack []*schema.Declaration
	const active, finished = 1, 2
	state := map[*schema.Declaration]int{}
	var visit func(d *schema.Declaration)
	visit = func(d *schema.Declaration) {
		state[d] = active
		stack = append(stack, d)
		for _, next := range waitsFor(d) {
			switch state[next] {
			case active:
				if len(found) < maxCycles {
					found = append(found, slices.Clone(stack[slices.Index(stack, next):]))
				}
			case finished:
			default:
				visit(next)
			}
		}
		stack = stack[:len(stack)-1]
		state[d] = finished
	}
	for _, d := range all {
		if state[d] == 0 {
			visit(d)
		}
	}
	return found
}
