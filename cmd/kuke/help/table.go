package help

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// gap separates the columns of a table.
const gap = "  "

// table lays out a table. Cells are wrapped where the terminal is too narrow, in the widest columns first.
func (p *page) table(t *extast.Table, margin string) string {
	var rows [][][]string // the words of each cell
	for row := t.FirstChild(); row != nil; row = row.NextSibling() {
		var cells [][]string
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, p.cell(cell, len(rows) == 0))
		}
		rows = append(rows, cells)
	}
	widths := p.widths(rows, p.style.Width-columns(margin))
	var b strings.Builder
	for _, cells := range rows {
		b.WriteString(row(cells, widths, margin))
	}
	return b.String()
}

func (p *page) cell(n ast.Node, heading bool) []string {
	words := p.words(n)
	if heading {
		for i := range words {
			words[i] = p.mark(p.style.Strong, strings.ToUpper(words[i]))
		}
	}
	return words
}

// widths returns the width of each column: that of its longest cell, less the columns that the table is too wide for the
// terminal. A column is narrower than its longest word only where the table is too wide otherwise, and never narrower than
// the longest piece of a word.
func (p *page) widths(rows [][][]string, width int) []int {
	widths, word, piece := make([]int, len(rows[0])), make([]int, len(rows[0])), make([]int, len(rows[0]))
	for i := range widths {
		for _, cells := range rows {
			widths[i] = max(widths[i], columns(strings.Join(cells[i], " ")))
			for _, w := range cells[i] {
				word[i] = max(word[i], columns(w))
				for _, part := range pieces(w) {
					piece[i] = max(piece[i], columns(part))
				}
			}
		}
	}
	width -= len(gap) * (len(widths) - 1)
	shrink(widths, word, width)
	shrink(widths, piece, width)
	return widths
}

// shrink takes columns off the widest ones, none below its least width, until all together have the given width.
func shrink(widths, least []int, width int) {
	total := 0
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		widest := -1
		for i, w := range widths {
			if w > least[i] && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// row lays out the cells of a row beside each other.
func row(cells [][]string, widths []int, margin string) string {
	wrapped := make([][]string, len(cells))
	height := 0
	for i, words := range cells {
		wrapped[i] = lines(words, widths[i])
		height = max(height, len(wrapped[i]))
	}
	var b strings.Builder
	for y := range height {
		line := margin
		for i := range cells {
			text := ""
			if y < len(wrapped[i]) {
				text = wrapped[i][y]
			}
			line += text + strings.Repeat(" ", max(0, widths[i]-columns(text))) + gap
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}
