package review

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// The bounds of a group. They keep it easier to read than its changes one by one.
const (
	// leastAlike is the minimum number of changes in a group, and leastBare that of changes without reasons and differences, of
	// which each is one line.
	leastAlike, leastBare = 3, 8
	// mostWritten is the maximum number of columns with values that people wrote. Addresses and others that kuke chose do not
	// count.
	mostWritten = 6
	// leastPerValue is the average number of changes for each value of an attribute from which the attribute separates groups, so
	// that the one change with another image is no row among many, but a change of its own.
	leastPerValue = 5
)

// Group holds changes that are alike: they have the same kind, action and reasons, and differ in their paths and in the values
// of Columns only.
type Group struct {
	// Changes are in the order of the plan; at least one.
	Changes []*plan.Change
	// Columns are the values that differ, in the order of the attributes; empty for a single change.
	Columns []Column
}

// Column is an attribute whose value differs between the changes of a group.
type Column struct {
	// Name is [plan.Diff.Name] where that is the same for all. For the members of a set it is the name of the set, and keys that
	// differ otherwise are "…" in it: ports, volumes["…"].source.
	Name string
	// Diffs are those of the changes of the group, in their order.
	Diffs []plan.Diff
}

// Fold groups the changes that are alike, in the order of the first of each group. Its time is linear in the number of values.
// A sensitive value counts as equal to another one of the same attribute.
func Fold(changes []*plan.Change) []Group {
	shapes := make([]*shape, len(changes))
	alike := map[string][]*shape{}
	for i, c := range changes {
		s := newShape(c)
		s.place = i
		shapes[i] = s
		alike[s.key] = append(alike[s.key], s)
	}
	first := map[int]Group{} // by the place of the first change
	folded := make([]bool, len(changes))
	for _, all := range alike {
		for _, part := range separate(all) {
			if !foldable(part) {
				continue
			}
			first[part[0].place] = newGroup(part)
			for _, s := range part[1:] {
				folded[s.place] = true
			}
		}
	}
	groups := []Group{}
	for i, c := range changes {
		group, ok := first[i]
		switch {
		case ok:
			groups = append(groups, group)
		case !folded[i]:
			groups = append(groups, Group{Changes: []*plan.Change{c}})
		}
	}
	return groups
}

// Shown returns the differences that count for a reviewer: none of a resource that goes, whose values all go with it, and none
// of a resource that only enters or leaves the state.
func Shown(c *plan.Change) []plan.Diff {
	if c.Action == plan.Delete || c.Action == plan.Adopt || c.Action == plan.Forget || c.Action == plan.Record && c.After == nil {
		return nil
	}
	return c.Diffs
}

// Reasons returns the reasons that the changes share, with "…" for the names in which they differ.
func (g Group) Reasons() []string {
	names := g.Changes[0].Path.Names()
	for i := range names {
		if slices.ContainsFunc(g.Changes, func(c *plan.Change) bool { return nameAt(c.Path, i) != names[i] }) {
			names[i] = "…"
		}
	}
	var reasons []string
	for _, reason := range g.Changes[0].Reasons {
		reasons = append(reasons, ownPaths(reason, g.Changes[0].Path, func(depth int) string { return strings.Join(names[:depth], "/") }))
	}
	return reasons
}

// nameAt returns the name of p at an index of [resource.Path.Names].
func nameAt(p resource.Path, i int) string {
	rest := string(p)
	for range i {
		_, rest, _ = strings.Cut(rest, "/")
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// shape is a change with its parts to compare.
type shape struct {
	change *plan.Change
	// place is the index among all changes.
	place int
	// key is equal for changes that can be alike: all but the values.
	key    string
	diffs  []plan.Diff
	values []string // by diff
}

func newShape(c *plan.Change) *shape {
	s := &shape{change: c, diffs: Shown(c)}
	var key strings.Builder
	grace := int64(-1)
	if c.GraceSeconds != nil {
		grace = *c.GraceSeconds
	}
	fmt.Fprintf(&key, "%s %s %t %t %t %q %q %d\n", c.Path.Kind(), c.Action, c.HCL, c.Start, c.RemoveImages, c.Signal, c.Check, grace)
	for _, reason := range c.Reasons {
		text := ownPaths(reason, c.Path, func(depth int) string { return fmt.Sprintf("\x00%d", depth) })
		fmt.Fprintf(&key, "# %q\n", text)
	}
	own := c.Path.Names()
	for i, d := range s.diffs {
		name := shapeOfName(d, own, isElement(s.diffs, i))
		fmt.Fprintf(&key, "%s %t %t %t %t %t\n", name, d.Before == nil, d.After == nil, d.ForcesReplacement, d.Computed, d.Sensitive)
		value := ""
		if !d.Sensitive {
			value = fmt.Sprintf("%#v %#v", d.Before, d.After)
		}
		if name != d.Name {
			value = d.Name + " " + value
		}
		s.values = append(s.values, value)
	}
	s.key = key.String()
	return s
}

// ownPaths replaces the paths in text that begin with names of p, the longest each, by the result of spell for the number of
// these names.
func ownPaths(text string, p resource.Path, spell func(depth int) string) string {
	words := strings.SplitAfter(text, " ")
	for i, word := range words {
		depth := p.Depth()
		for q := p; q != ""; q, depth = q.Parent(), depth-1 {
			// A realm alone is no more than a word.
			if at := indexPath(word, string(q)); at >= 0 && (depth > 1 || strings.Contains(word, "/")) {
				words[i] = word[:at] + spell(depth) + word[at+len(q):]
				break
			}
		}
	}
	return strings.Join(words, "")
}

// indexPath returns the place of path in a word, with no part of a name before or after it, or -1.
func indexPath(word, path string) int {
	at := strings.Index(word, path)
	if at < 0 {
		return -1
	}
	end := at + len(path)
	if at > 0 && isNamePart(word[at-1]) || end < len(word) && isNamePart(word[end]) {
		return -1
	}
	return at
}

func isNamePart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.", c) >= 0
}

// separate splits changes of the same shape by the attributes with few values, unless that leaves most of them alone. Where
// other attributes differ from change to change, so that there are rows anyway, it splits only by those attributes of which
// nearly all changes have the same value.
func separate(all []*shape) [][]*shape {
	few := func(values, _ int) bool { return values > 1 && values*leastPerValue <= len(all) }
	separating := columnsOf(all, few)
	if rows := columnsOf(all, func(values, most int) bool { return values > 1 && !few(values, most) }); len(rows) > 0 {
		separating = columnsOf(all, func(values, most int) bool { return few(values, most) && (len(all)-most)*leastPerValue <= len(all) })
	}
	if len(separating) == 0 {
		return [][]*shape{all}
	}
	var parts [][]*shape
	index := map[string]int{}
	for _, s := range all {
		var key strings.Builder
		for _, i := range separating {
			fmt.Fprintf(&key, "%q ", s.values[i])
		}
		at, ok := index[key.String()]
		if !ok {
			at = len(parts)
			index[key.String()] = at
			parts = append(parts, nil)
		}
		parts[at] = append(parts[at], s)
	}
	together := 0
	for _, part := range parts {
		if foldable(part) {
			together += len(part)
		}
	}
	if 2*together < len(all) && foldable(all) {
		return [][]*shape{all}
	}
	return parts
}

// columnsOf returns the indexes of the differences that fulfil the condition, of the number of their values and of the number of
// changes with the most frequent one.
func columnsOf(all []*shape, fulfils func(values, most int) bool) []int {
	var columns []int
	for i := range all[0].values {
		number, most := map[string]int{}, 0
		for _, s := range all {
			number[s.values[i]]++
			most = max(most, number[s.values[i]])
		}
		if fulfils(len(number), most) {
			columns = append(columns, i)
		}
	}
	return columns
}

// differing returns the indexes of the differences with more than one value.
func differing(all []*shape) []int {
	return columnsOf(all, func(values, _ int) bool { return values > 1 })
}

// foldable reports whether changes of the same shape are easier to read as one group: they are enough, and have more
// written values in common than not, or all but one.
func foldable(all []*shape) bool {
	first := all[0]
	least := leastAlike
	if len(first.diffs)+len(first.change.Reasons) == 0 {
		least = leastBare
	}
	if len(all) < least {
		return false
	}
	written, common := 0, 0
	columns := differing(all)
	for i, d := range first.diffs {
		differs := slices.Contains(columns, i)
		switch {
		case isElement(first.diffs, i): // its attributes count
		case differs && !d.Computed:
			written++
		case !differs:
			common++
		}
	}
	return written <= 1 || written <= mostWritten && written <= common
}

func newGroup(all []*shape) Group {
	var g Group
	for _, s := range all {
		g.Changes = append(g.Changes, s.change)
	}
	for _, i := range differing(all) {
		column := Column{Name: all[0].diffs[i].Name}
		for _, s := range all {
			column.Diffs = append(column.Diffs, s.diffs[i])
		}
		if slices.ContainsFunc(column.Diffs, func(d plan.Diff) bool { return d.Name != column.Name }) {
			column.Name = columnName(column.Diffs)
		}
		g.Columns = append(g.Columns, column)
	}
	return g
}
