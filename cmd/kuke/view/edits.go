package view

import "github.com/aymanbagabas/go-udiff/lcs"

// The kinds of an edit.
const (
	kept editKind = iota
	removed
	added
	replaced
	hidden
)

type editKind int

// edit is an element of a list, or a number of hidden ones.
type edit struct {
	kind editKind
	text string
	// place is that of the first difference to the element that it replaces or that replaces it, or negative.
	place int
	// by is, for replaced, the element that is there instead.
	by string
	// number is, for hidden, that of the elements.
	number int
}

// edits compares two lists. Unchanged elements are hidden beyond the given number before and after each difference.
func edits(before, after []string, context int) []edit {
	var all []edit
	at := 0
	for i, d := range lcs.DiffLines(before, after) {
		margin := context
		if i == 0 {
			margin = 0
		}
		all = append(all, unchangedEdits(before[at:d.Start], margin, context)...)
		all = append(all, changedEdits(before[d.Start:d.End], after[d.ReplStart:d.ReplEnd])...)
		at = d.End
	}
	return append(all, unchangedEdits(before[at:], context, 0)...)
}

// unchangedEdits keeps a number of elements at the beginning and at the end, and hides the others.
func unchangedEdits(list []string, first, last int) []edit {
	var all []edit
	from, to := first, len(list)-last
	if to-from < 2 { // a line that says that one is hidden is no shorter
		from, to = len(list), len(list)
	}
	for _, x := range list[:from] {
		all = append(all, edit{kind: kept, text: x, place: -1})
	}
	if to > from {
		all = append(all, edit{kind: hidden, number: to - from})
	}
	for _, x := range list[to:] {
		all = append(all, edit{kind: kept, text: x, place: -1})
	}
	return all
}

// changedEdits pairs old and new elements if they are as many. Of a pair with several lines the one is replaced by the other;
// otherwise the old ones precede the new ones.
func changedEdits(before, after []string) []edit {
	paired := len(before) == len(after)
	var all, fresh []edit
	for i, x := range before {
		switch {
		case !paired:
			all = append(all, edit{kind: removed, text: x, place: -1})
		case hasLines(x) || hasLines(after[i]):
			all = append(append(all, fresh...), edit{kind: replaced, text: x, by: after[i]})
			fresh = nil
		default:
			place := firstDifference(x, after[i])
			all = append(all, edit{kind: removed, text: x, place: place})
			fresh = append(fresh, edit{kind: added, text: after[i], place: place})
		}
	}
	all = append(all, fresh...)
	if !paired {
		for _, x := range after {
			all = append(all, edit{kind: added, text: x, place: -1})
		}
	}
	return all
}
