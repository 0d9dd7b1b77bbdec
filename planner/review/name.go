package review

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/planner/plan"
)

// key is one in the name of a value, like "/data" in volumes["/data"].source.
type key struct {
	// start and end are the place of the key in the name, with its quotation marks.
	start, end int
	text       string
}

// keysOf returns the keys in the name of a value, as [resource.Leaf] has it.
func keysOf(name string) []key {
	var keys []key
	for at := 0; ; {
		open := strings.IndexByte(name[at:], '[')
		if open < 0 {
			return keys
		}
		start := at + open + 1
		quoted, err := strconv.QuotedPrefix(name[start:])
		if err != nil {
			return keys
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return keys
		}
		at = start + len(quoted)
		keys = append(keys, key{start, at, text})
	}
}

// isMember reports whether a value says no more than that its key is in a set.
func isMember(d plan.Diff) bool {
	in := func(v any) bool { b, ok := v.(bool); return v == nil || ok && b }
	return strings.HasSuffix(d.Name, "]") && in(d.Before) && in(d.After)
}

// isElement reports whether the i-th difference only says that an element is there whose first attribute is the next one.
func isElement(diffs []plan.Diff, i int) bool {
	return i+1 < len(diffs) && strings.HasPrefix(diffs[i+1].Name, diffs[i].Name+".")
}

// shapeOfName returns the name of a value without the keys that may differ between changes that are alike: members of sets,
// elements of collections, and names of the resource's own path. The key of a map, such as env, is part of its meaning and stays.
func shapeOfName(d plan.Diff, own []string, element bool) string {
	keys := keysOf(d.Name)
	if len(keys) == 0 {
		return d.Name
	}
	var b strings.Builder
	at := 0
	for _, k := range keys {
		b.WriteString(d.Name[at:k.start])
		at = k.end
		last := k.end+1 == len(d.Name)
		depth := slices.Index(own, k.text)
		switch {
		case !last || element || isMember(d):
		case depth >= 0:
			fmt.Fprintf(&b, "@%d", depth)
		default:
			b.WriteString(d.Name[k.start:k.end])
		}
	}
	b.WriteString(d.Name[at:])
	return b.String()
}

// columnName returns the name of a column whose differences have different keys.
func columnName(diffs []plan.Diff) string {
	first := diffs[0].Name
	keys := keysOf(first)
	var b strings.Builder
	at := 0
	for i, k := range keys {
		same := !slices.ContainsFunc(diffs, func(d plan.Diff) bool {
			others := keysOf(d.Name)
			return i >= len(others) || others[i].text != k.text
		})
		switch {
		case same:
			b.WriteString(first[at:k.end])
		case k.end+1 == len(first) && isMember(diffs[0]):
			b.WriteString(first[at : k.start-1])
			return b.String()
		default:
			b.WriteString(first[at:k.start] + `"…"`)
		}
		at = k.end
	}
	b.WriteString(first[at:])
	return b.String()
}
