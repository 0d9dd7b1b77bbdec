package help

import (
	"regexp"
	"strings"
	"unicode"
)

// Wrap lays out the paragraphs of a text in lines of at most width columns. A line that begins with spaces is an entry of a
// list and goes on below its description. One that begins with a tab is code and stays as it is. The text has no line break at
// its end.
func Wrap(text string, width int) string {
	var all, words []string
	flush := func() {
		all = append(all, lines(words, width)...)
		words = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case line == "" || line[0] == '\t':
			flush()
			all = append(all, line)
		case line[0] == ' ':
			flush()
			all = append(all, wrapEntry(line, width)...)
		default:
			words = append(words, strings.Fields(line)...)
		}
	}
	flush()
	return strings.Join(all, "\n")
}

// entry matches an entry of a list: its margin, with its name where two spaces follow it, and the description.
var entry = regexp.MustCompile(`^( +(?:[^ ]+(?: [^ ]+)*  +)?)(.*)$`)

func wrapEntry(line string, width int) []string {
	parts := entry.FindStringSubmatch(line)
	name, margin, description := parts[1], strings.Repeat(" ", columns(parts[1])), strings.Fields(parts[2])
	var all []string
	if 2*len(margin) > width { // there is too little room beside the name
		all, margin = append(all, strings.TrimRight(name, " ")), strings.Repeat(indent, 4)
		name = margin
	}
	for i, text := range lines(description, width-len(margin)) {
		if i > 0 {
			name = margin
		}
		all = append(all, name+text)
	}
	return all
}

// Entry lays out an entry of a list, its name in a column and its description beside it, in lines of at most width columns.
func Entry(name, description string, width int) string {
	const column = 13
	p := page{style: Style{Width: width}}
	first := indent + name + strings.Repeat(" ", max(0, column-columns(name))) + " "
	return p.wrapped(strings.Fields(description), first, strings.Repeat(" ", len(indent)+column+1))
}

// lines joins words to lines of at most width columns. A longer word is broken between its pieces. A longer piece has a line
// of its own.
func lines(words []string, width int) []string {
	var all []string
	line := ""
	put := func(text, space string) {
		switch {
		case line == "":
			line = text
		case columns(line)+len(space)+columns(text) <= width:
			line += space + text
		default:
			all, line = append(all, line), text
		}
	}
	for _, word := range words {
		if columns(word) <= width {
			put(word, " ")
			continue
		}
		for i, piece := range pieces(word) {
			space := ""
			if i == 0 {
				space = " "
			}
			put(piece, space)
		}
	}
	if line != "" {
		all = append(all, line)
	}
	return all
}

// marked matches a word with the sequences that mark it up.
var marked = regexp.MustCompile("^((?:\x1b\\[[0-9;]*m)*)([^\x1b]*)((?:\x1b\\[[0-9;]*m)*)$")

// pieces splits a word after the characters that a line may end with, and marks up each piece as the word is.
func pieces(word string) []string {
	parts := marked.FindStringSubmatch(word)
	if parts == nil {
		return []string{word}
	}
	begin, text, end := parts[1], parts[2], parts[3]
	var all []string
	for text != "" {
		i := strings.IndexAny(text, ":/]|.,") + 1
		// Digits and marks behind the last letter stay with it.
		if i == 0 || !strings.ContainsFunc(text[i:], unicode.IsLetter) {
			i = len(text)
		}
		all, text = append(all, begin+text[:i]+end), text[i:]
	}
	return all
}
