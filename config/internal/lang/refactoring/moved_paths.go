package refactoring

import (
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// moveIndex holds moves by where they begin.
type moveIndex map[resource.Path]Move

func indexOf(moves []Move) moveIndex {
	x := moveIndex{}
	for _, m := range moves {
		if _, twice := x[m.From]; !twice { // which is reported by itself
			x[m.From] = m
		}
	}
	return x
}

// next returns the next path of the resource at p, by a move of it or of a resource that it is in.
func (x moveIndex) next(p resource.Path) (to resource.Path, by Move, ok bool) {
	for from := p; from != ""; from = from.Parent() {
		if m, ok := x[from]; ok {
			return m.To + p[len(from):], m, true
		}
	}
	return p, Move{}, false
}

// end returns the path of the resource at p after all moves.
func (x moveIndex) end(p resource.Path) resource.Path {
	for range len(x) + 1 { // more would be a cycle
		to, _, ok := x.next(p)
		if !ok {
			break
		}
		p = to
	}
	return p
}

// reportCycles reports moves that come back to where they began, and returns where those begin.
func (x moveIndex) reportCycles(moves []Move, diags *resource.Diagnostics) map[resource.Path]bool {
	cyclic, seen := map[resource.Path]bool{}, map[resource.Path]bool{}
	for _, m := range moves {
		var way []Move
		at := map[resource.Path]int{}
		p := m.From
		for {
			if begin, ok := at[p]; ok {
				x.reportCycle(p, way[begin:], cyclic, diags)
				break
			}
			to, by, ok := x.next(p)
			if !ok || seen[p] {
				break
			}
			seen[p], at[p] = true, len(way)
			way = append(way, by)
			p = to
		}
	}
	return cyclic
}

func (x moveIndex) reportCycle(p resource.Path, way []Move, cyclic map[resource.Path]bool, diags *resource.Diagnostics) {
	var text strings.Builder
	text.WriteString(string(p))
	for _, m := range way {
		cyclic[m.From] = true
		p, _, _ = x.next(p)
		text.WriteString(" → " + string(p) + " (" + m.Declared.String() + ")")
	}
	diags.Errorf(way[0].Declared, way[0].From, "Cycle of moves", "%s. Remove one of these blocks: a resource can't be moved to where it was.", text.String())
}

// immovable returns the reason why m is impossible, or "".
func (x moveIndex) immovable(m Move) string {
	k := m.From.Kind()
	switch {
	case k != m.To.Kind():
		return "one is a " + k.Lower() + ", the other a " + m.To.Kind().Lower()
	case k == resource.KindRealm:
		return "a realm can't be moved, as its containerd namespace is made of its name"
	case x.end(m.From.Parent()) != x.end(m.To.Parent()):
		return "a " + k.Lower() + " can only be moved to another name in its " + m.From.Parent().Kind().Lower()
	}
	return ""
}
