package view

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// part is a text, or a number, of a name.
type part struct {
	text   string
	number int
	digits bool
}

// partsOf splits a name into its texts and its numbers, which alternate.
func partsOf(name string) []part {
	var parts []part
	isDigit := func(c byte) bool { return c >= '0' && c <= '9' }
	for len(name) > 0 {
		end := 1
		for end < len(name) && isDigit(name[end]) == isDigit(name[0]) {
			end++
		}
		p := part{text: name[:end]}
		// A number that is too large, or begins with 0, is a text.
		if n, err := strconv.Atoi(p.text); err == nil && isDigit(name[0]) && strconv.Itoa(n) == p.text {
			p.number, p.digits = n, true
		}
		parts = append(parts, p)
		name = name[end:]
	}
	return parts
}

func compareParts(x, y part) int {
	if x.digits && y.digits {
		return cmp.Compare(x.number, y.number)
	}
	return strings.Compare(x.text, y.text)
}

// naturalOrder returns the indexes of names in an order in which app-2 precedes app-10.
func naturalOrder(names []string) []int {
	parts := make([][]part, len(names))
	order := make([]int, len(names))
	for i, name := range names {
		parts[i], order[i] = partsOf(name), i
	}
	slices.SortStableFunc(order, func(i, j int) int { return slices.CompareFunc(parts[i], parts[j], compareParts) })
	return order
}

// runs returns names in their natural order, with three or more that count on as one: "app-0 … app-7". Names that differ only in
// numbers stand together.
func runs(names []string) []string {
	alike := map[string][]string{}
	var kinds []string
	for _, i := range naturalOrder(names) {
		kind := withoutNumbers(names[i])
		if alike[kind] == nil {
			kinds = append(kinds, kind)
		}
		alike[kind] = append(alike[kind], names[i])
	}
	var all []string
	for _, kind := range kinds {
		all = append(all, runsOf(alike[kind])...)
	}
	return all
}

// natural returns names in their natural order, as runs where these are few.
func natural(names []string) []string {
	if short := runs(names); len(short) <= maxNamed+1 {
		return short
	}
	return inOrder(names, names)
}

// inOrder returns all in the natural order of their names.
func inOrder[T any](all []T, names []string) []T {
	sorted := make([]T, 0, len(all))
	for _, i := range naturalOrder(names) {
		sorted = append(sorted, all[i])
	}
	return sorted
}

// withoutNumbers returns a name with "0" for each number.
func withoutNumbers(name string) string {
	var b strings.Builder
	for _, p := range partsOf(name) {
		if p.digits {
			p.text = "0"
		}
		b.WriteString(p.text)
	}
	return b.String()
}

// runsOf shortens names that are in their natural order.
func runsOf(names []string) []string {
	const least = 3
	var all []string
	for i := 0; i < len(names); {
		end, at := i+1, -1
		for end < len(names) {
			next := successor(partsOf(names[end-1]), partsOf(names[end]))
			if next < 0 || at >= 0 && next != at {
				break
			}
			at = next
			end++
		}
		if end-i < least {
			all = append(all, names[i])
			i++
			continue
		}
		all = append(all, names[i]+" … "+names[end-1])
		i = end
	}
	return all
}

// successor returns the index of the one number in which the second name follows the first, or -1.
func successor(x, y []part) int {
	if len(x) != len(y) {
		return -1
	}
	at := -1
	for i := range x {
		switch {
		case x[i] == y[i]:
		case at < 0 && x[i].digits && y[i].digits && x[i].number+1 == y[i].number:
			at = i
		default:
			return -1
		}
	}
	return at
}

// wrapped joins words, with a separator that ends with a space, to lines of the given width. A longer word has a line of its own.
func wrapped(words []string, separator string, width int) []string {
	var lines []string
	line := ""
	for i, word := range words {
		if i+1 < len(words) {
			word += strings.TrimSuffix(separator, " ")
		}
		switch {
		case i == 0:
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	if len(words) > 0 {
		lines = append(lines, line)
	}
	return lines
}
