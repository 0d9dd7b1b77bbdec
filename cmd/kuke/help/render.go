package help

import (
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Style says how a page looks on a terminal.
type Style struct {
	// Width is the number of columns that paragraphs and tables are wrapped to.
	Width int
	// Heading, Strong and Code mark up text. Nil leaves the text as it is, code between the back quotes that it has in Markdown.
	Heading, Strong, Code func(string) string
}

// indent is the left margin of everything but headings.
const indent = "  "

// Text returns the page laid out for a terminal.
func (t Topic) Text(s Style) string { return render(t.Markdown(), s) }

func render(markdown string, s Style) string {
	source := []byte(markdown)
	root := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(source))
	p := &page{source: source, style: s}
	p.blocks(root, indent)
	return strings.TrimLeft(p.out.String(), "\n")
}

// page is a text that grows block by block.
type page struct {
	source []byte
	style  Style
	out    strings.Builder
}

func (p *page) blocks(parent ast.Node, margin string) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		p.block(n, margin)
	}
}

func (p *page) block(n ast.Node, margin string) {
	switch n := n.(type) {
	case *ast.Heading:
		p.out.WriteString("\n" + p.mark(p.style.Heading, strings.Join(p.words(n), " ")) + "\n")
	case *ast.Paragraph:
		p.out.WriteString("\n" + p.wrapped(p.words(n), margin, margin))
	case *ast.TextBlock: // the paragraph of a list item in a tight list
		p.out.WriteString(p.wrapped(p.words(n), margin, margin))
	case *ast.FencedCodeBlock:
		p.code(n, margin+indent)
	case *ast.CodeBlock:
		p.code(n, margin+indent)
	case *ast.List:
		p.list(n, margin)
	case *ast.Blockquote:
		p.blocks(n, margin+"| ")
	case *extast.Table:
		p.out.WriteString("\n" + p.table(n, margin))
	}
}

func (p *page) code(n ast.Node, margin string) {
	p.out.WriteString("\n")
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		p.out.WriteString(strings.TrimRight(margin+string(line.Value(p.source)), " \n") + "\n")
	}
}

func (p *page) list(list *ast.List, margin string) {
	p.out.WriteString("\n")
	number := list.Start
	for item := list.FirstChild(); item != nil; item = item.NextSibling() {
		bullet := "- "
		if list.IsOrdered() {
			bullet = string(rune('0'+number%10)) + ". "
			number++
		}
		below := margin + strings.Repeat(" ", len(bullet))
		first := item.FirstChild()
		if first == nil {
			continue
		}
		p.out.WriteString(p.wrapped(p.words(first), margin+bullet, below))
		for n := first.NextSibling(); n != nil; n = n.NextSibling() {
			p.block(n, below)
		}
	}
}

// mark marks up the text as the function does, if there is one.
func (p *page) mark(as func(string) string, text string) string {
	if as == nil {
		return text
	}
	return as(text)
}

// words returns the text in n, split where a line may end.
func (p *page) words(n ast.Node) []string {
	var words []string
	glue := false // the next word continues the last one
	add := func(text string, as func(string) string) {
		for i, word := range strings.Split(text, " ") {
			switch {
			case word == "":
			case i == 0 && glue && len(words) > 0:
				words[len(words)-1] += p.mark(as, word)
			default:
				words = append(words, p.mark(as, word))
			}
		}
		glue = text != "" && !strings.HasSuffix(text, " ")
	}
	p.inline(n, nil, add, func() { glue = false })
	return words
}

// inline hands the pieces of text in n to add, and calls space where a line of the source ends.
func (p *page) inline(n ast.Node, as func(string) string, add func(string, func(string) string), space func()) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			add(p.plain(c), as)
			if c.SoftLineBreak() || c.HardLineBreak() {
				space()
			}
		case *ast.String:
			add(string(c.Value), as)
		case *ast.CodeSpan:
			p.codeSpan(c, add)
		case *ast.Emphasis:
			p.inline(c, p.style.Strong, add, space)
		case *ast.AutoLink:
			add(string(c.URL(p.source)), as)
		case *ast.Link:
			p.inline(c, as, add, space)
			if to := string(c.Destination); strings.Contains(to, "://") {
				add(" ("+to+")", as)
			}
		default:
			p.inline(c, as, add, space)
		}
	}
}

// plain returns the characters that a text in Markdown shows, without the backslashes that escape them.
func (p *page) plain(t *ast.Text) string {
	value := t.Value(p.source)
	if !t.IsRaw() {
		value = util.UnescapePunctuations(value)
	}
	return string(value)
}

func (p *page) codeSpan(n *ast.CodeSpan, add func(string, func(string) string)) {
	var code strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			code.Write(t.Value(p.source))
		}
	}
	if p.style.Code == nil {
		add("`"+code.String()+"`", nil)
		return
	}
	add(code.String(), p.style.Code)
}

// wrapped lays out the words in lines, the first behind first and the others behind rest.
func (p *page) wrapped(words []string, first, rest string) string {
	var b strings.Builder
	for i, line := range lines(words, p.style.Width-columns(rest)) {
		margin := rest
		if i == 0 {
			margin = first
		}
		b.WriteString(margin + line + "\n")
	}
	return b.String()
}

// columns returns the number of columns that a text takes: the sequences that mark it up take none.
func columns(s string) int {
	n := 0
	for s != "" {
		if before, after, ok := strings.Cut(s, "\x1b["); ok {
			n += utf8.RuneCountInString(before)
			_, s, _ = strings.Cut(after, "m")
			continue
		}
		return n + utf8.RuneCountInString(s)
	}
	return n
}
