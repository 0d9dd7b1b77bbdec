package view

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

const (
	// leastCommon is the number of characters that long texts have in common at least to be shown once, and mostHoles the maximum
	// number of words in which they differ.
	leastCommon, mostHoles = 40, 3
	// hole is in place of a word that differs.
	hole = "…"
)

// pattern is the text that long values of a column have in common.
type pattern struct {
	// diff has the common values, with a hole for each word that differs.
	diff plan.Diff
	// words are those in the holes, for each change.
	words [][]string
}

// patternOf returns the pattern of long texts or lists that differ in few words, such as the name of their cell. Where values
// change, the old and the new one differ in the same words.
func patternOf(diffs []plan.Diff) (pattern, bool) {
	p := pattern{diff: diffs[0]}
	var before, after []any
	for _, d := range diffs {
		if d.Sensitive || d.Name != diffs[0].Name {
			return p, false
		}
		before, after = append(before, d.Before), append(after, d.After)
	}
	old, oldWords, ok := commonValue(before)
	fresh, freshWords, also := commonValue(after)
	if !ok || !also {
		return p, false
	}
	p.diff.Before, p.diff.After, p.words = old, fresh, freshWords
	switch {
	case len(freshWords[0]) == 0:
		p.words = oldWords
	case len(oldWords[0]) > 0 && !slices.EqualFunc(oldWords, freshWords, slices.Equal):
		return p, false
	}
	return p, len(p.words[0]) > 0
}

// patternsOf returns the pattern of each column of a group, nil for a column whose values are shown whole.
func patternsOf(g review.Group) []*pattern {
	patterns := make([]*pattern, len(g.Columns))
	for i, c := range g.Columns {
		if p, ok := patternOf(c.Diffs); ok {
			patterns[i] = &p
		}
	}
	return patterns
}

// text spells the words of the i-th change.
func (p *pattern) text(i int) string {
	var words []string
	for _, word := range p.words[i] {
		words = append(words, quoted(word))
	}
	return strings.Join(words, ", ")
}

// commonValue returns texts, or lists of texts, as one, and for each the words in its holes. All may be nil, or equal.
func commonValue(values []any) (common any, words [][]string, ok bool) {
	words = make([][]string, len(values))
	switch values[0].(type) {
	case nil:
		return nil, words, !slices.ContainsFunc(values, func(v any) bool { return v != nil })
	case string, []string:
	default:
		return nil, nil, false
	}
	var lines [][]string // of each value
	var ends []int       // of the elements of a list
	for i, v := range values {
		list, isList := v.([]string)
		if text, ok := v.(string); ok {
			list = []string{text}
		} else if !isList {
			return nil, nil, false
		}
		var all []string
		var own []int
		for _, element := range list {
			all = append(all, strings.SplitAfter(element, "\n")...)
			own = append(own, len(all))
		}
		if i > 0 && !slices.Equal(own, ends) {
			return nil, nil, false
		}
		lines, ends = append(lines, all), own
	}
	texts, length := make([]string, len(lines[0])), 0
	for at := range texts {
		line := make([]string, len(lines))
		for i := range lines {
			line[i] = lines[i][at]
		}
		text, own := commonLine(line)
		texts[at] = text
		length += utf8.RuneCountInString(text)
		for i, word := range own {
			words[i] = append(words[i], word)
		}
	}
	if n := len(words[0]); n > 0 && length < leastCommon || n > mostHoles {
		return nil, nil, false
	}
	list, start := []string{}, 0
	for _, end := range ends {
		list = append(list, strings.Join(texts[start:end], ""))
		start = end
	}
	if _, ok := values[0].(string); ok {
		return list[0], words, true
	}
	return list, words, true
}

// commonLine returns lines as one, with a hole for the word that differs, if there is one, and that word of each line.
func commonLine(lines []string) (string, []string) {
	prefix := lines[0]
	for _, l := range lines[1:] {
		prefix = prefix[:commonPrefix(prefix, l)]
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return l != lines[0] }) {
		return lines[0], nil
	}
	prefix = strings.TrimRightFunc(prefix, isWordPart)
	suffix := lines[0][len(prefix):]
	for _, l := range lines {
		suffix = suffix[len(suffix)-commonSuffix(suffix, l[len(prefix):]):]
	}
	suffix = strings.TrimLeftFunc(suffix, isWordPart)
	var words []string
	for _, l := range lines {
		words = append(words, l[len(prefix):len(l)-len(suffix)])
	}
	return prefix + hole + suffix, words
}

func isWordPart(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r >= utf8.RuneSelf
}

// commonPrefix returns the number of bytes in which two texts begin alike.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// commonSuffix returns the number of bytes in which two texts end alike.
func commonSuffix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}
