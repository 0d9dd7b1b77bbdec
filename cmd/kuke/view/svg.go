package view

import (
	"embed"
	"fmt"
	"html/template"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/kukeon/kuke/cmd/kuke/view/internal/layered"
)

//go:embed report
var reportFiles embed.FS

// reportTemplates are the page of a report and the drawing of a graph.
var reportTemplates = template.Must(template.ParseFS(reportFiles, "report/*.tmpl"))

func reportFile(name string) string {
	data, err := reportFiles.ReadFile("report/" + name)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return string(data)
}

// Sizes of texts in a drawing, in pixels.
const (
	letterWidth, smallWidth = 7.25, 6.65
	nodeHeight              = 40.0
	nodePadding             = 10.0
	drawingMargin           = 16.0
	labelHeight             = 24.0 // the text stands above its edge
	longestText             = 60   // in letters
)

// figure is the drawing of a graph, with numbers as SVG spells them.
type figure struct {
	Title, Width, Height string
	// Style is set in a file of its own.
	Style  template.CSS
	Nodes  []figureNode
	Edges  []figureEdge
	Labels []figureText
}

type figureNode struct {
	Title, Class string
	// Link is the reference to an element of the page; empty for none.
	Link                string
	X, Y, Width, Height string
	Lines               []figureText
}

type figureEdge struct{ Path string }

// figureText is a line of text, which is stretched to its length, so that it stays in its box with each font.
type figureText struct{ Class, X, Y, Length, Text string }

func pixels(x float64) string { return fmt.Sprintf("%.1f", x) }

// drawn makes characters visible, and those that XML does not allow.
func drawn(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\uFFFE' || r == '\uFFFF' {
			return utf8.RuneError
		}
		return r
	}, visible(strings.ToValidUTF8(s, "\uFFFD")))
}

// cut returns s with its middle replaced where it has more than most characters.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	all := []rune(s)
	tail := most * 2 / 3 // the end of a path tells more than its begin
	return string(all[:most-tail-1]) + "…" + string(all[len(all)-tail:])
}

// figure places the nodes and the edges. An edge of the drawing leads to the node that is waited for, which is further left.
func (d *drawing) figure(edges []edge) (*figure, error) {
	g := &layered.Graph{}
	for _, n := range d.nodes {
		width := max(textWidth(n.firstLine(), smallWidth), textWidth(n.secondLine(), letterWidth))
		g.Boxes = append(g.Boxes, layered.Box{Width: width + 2*nodePadding, Height: nodeHeight})
	}
	for _, e := range edges {
		label := layered.Box{}
		if text := d.label(e); text != "" {
			label = layered.Box{Width: textWidth(text, smallWidth), Height: labelHeight}
		}
		g.Edges = append(g.Edges, layered.Edge{From: e.to, To: e.from, Label: label})
	}
	if err := g.Layout(); err != nil {
		return nil, fmt.Errorf("draw the graph: %w", err)
	}
	f := &figure{Title: d.title, Width: pixels(g.Width + 2*drawingMargin), Height: pixels(g.Height + 2*drawingMargin)}
	for i, n := range d.nodes {
		f.Nodes = append(f.Nodes, n.figure(g.Boxes[i]))
	}
	for i, e := range g.Edges {
		f.Edges = append(f.Edges, figureEdge{curve(e.Points)})
		if text := d.label(edges[i]); text != "" {
			f.Labels = append(f.Labels, lineOf("label", text, smallWidth, e.Label.X+drawingMargin, e.Label.Y+drawingMargin+labelHeight/2-4))
		}
	}
	return f, nil
}

func (n node) figure(b layered.Box) figureNode {
	x, y := b.X+drawingMargin, b.Y+drawingMargin
	return figureNode{
		Title: drawn(n.name()), Class: n.class, Link: n.link, X: pixels(x), Y: pixels(y), Width: pixels(b.Width), Height: pixels(b.Height),
		Lines: []figureText{
			lineOf("head", n.firstLine(), smallWidth, x+nodePadding, y+16),
			lineOf("text", n.secondLine(), letterWidth, x+nodePadding, y+31),
		},
	}
}

func lineOf(class, text string, letter, x, y float64) figureText {
	return figureText{class, pixels(x), pixels(y), pixels(textWidth(text, letter)), text}
}

func textWidth(text string, letter float64) float64 {
	return float64(utf8.RuneCountInString(text)) * letter
}

// label returns the text of an edge, in the length that a drawing has room for.
func (d *drawing) label(e edge) string {
	return cut(drawn(strings.Join(d.edges[e], ", ")), longestText)
}

func (n node) firstLine() string  { return drawn(n.head + n.tail) }
func (n node) secondLine() string { return cut(drawn(n.text), longestText) }

// curve returns the path of an edge: straight through the layers, and curved between them.
func curve(points []layered.Point) string {
	var b strings.Builder
	for i, p := range points {
		x, y := p.X+drawingMargin, p.Y+drawingMargin
		switch {
		case i == 0:
			fmt.Fprintf(&b, "M%.1f %.1f", x, y)
		case math.Abs(p.Y-points[i-1].Y) < 0.05:
			fmt.Fprintf(&b, "H%.1f", x)
		default:
			before := points[i-1]
			middle := (x + before.X + drawingMargin) / 2
			fmt.Fprintf(&b, "C%.1f %.1f %.1f %.1f %.1f %.1f", middle, before.Y+drawingMargin, middle, y, x, y)
		}
	}
	return b.String()
}

// svg writes the graph as a file of its own.
func (d *drawing) svg(b *strings.Builder, edges []edge) error {
	f, err := d.figure(edges)
	if err != nil {
		return err
	}
	f.Style = template.CSS(reportFile("graph.css"))
	if err := reportTemplates.ExecuteTemplate(b, "graph", f); err != nil {
		return fmt.Errorf("print SVG: %w", err)
	}
	return nil
}
