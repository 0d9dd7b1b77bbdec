package view

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
)

// parsedPage holds the parts of a page by which it is judged.
type parsedPage struct {
	elements map[string]int
	ids      map[string]int
	links    []string
	texts    map[string]*strings.Builder // by the name of the element
	policy   string
}

func parsePage(t interface{ Fatal(...any) }, text string) *parsedPage {
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	p := &parsedPage{elements: map[string]int{}, ids: map[string]int{}, texts: map[string]*strings.Builder{}}
	for n := range doc.Descendants() {
		if n.Type == html.TextNode {
			if p.texts[n.Parent.Data] == nil {
				p.texts[n.Parent.Data] = &strings.Builder{}
			}
			p.texts[n.Parent.Data].WriteString(n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		p.elements[n.Data]++
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				p.ids[a.Val]++
			case a.Key == "href" || a.Key == "src" || a.Key == "action":
				p.links = append(p.links, a.Val)
			case strings.HasPrefix(a.Key, "on"), a.Key == "style":
				t.Fatal("the page has the attribute", a.Key, a.Val)
			case (a.Key == "data-pick" || a.Key == "data-action") && danger(plan.Action(a.Val)) == len(byDanger):
				t.Fatal("there is no action", a.Val)
			case a.Key == "content" && strings.HasPrefix(a.Val, "default-src"):
				p.policy = a.Val
			}
		}
	}
	return p
}

// ownElements are those of the templates.
var ownElements = []string{
	"a", "b", "body", "button", "code", "defs", "details", "div", "form", "g", "h1", "h2", "head", "header", "html", "input", "kbd", "label", "li", "main",
	"marker", "meta", "output", "p", "path", "pre", "rect", "script", "section", "span", "style", "summary", "svg", "table", "tbody", "td", "text", "th",
	"thead", "title", "tr", "ul",
}

// checkPage checks that a page consists of its own elements, loads nothing, and that its links lead somewhere.
func checkPage(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, p *parsedPage) {
	for name := range p.elements {
		if !slices.Contains(ownElements, name) {
			t.Fatalf("the page has the element %s", name)
		}
	}
	style, script := reportFile("style.css")+reportFile("graph.css"), reportFile("script.js")
	if p.elements["script"] != 1 || p.texts["script"].String() != script || p.elements["style"] != 1 || p.texts["style"].String() != style {
		t.Fatal("the page has other scripts or styles than its own")
	}
	want := "default-src 'none'; style-src '" + integrity(style) + "'; script-src '" + integrity(script) + "'; base-uri 'none'; form-action 'none'"
	if p.policy != want {
		t.Fatalf("the policy is %q, want %q", p.policy, want)
	}
	for id, n := range p.ids {
		if n > 1 {
			t.Fatalf("%d elements have the id %s", n, id)
		}
	}
	for _, link := range p.links {
		if !strings.HasPrefix(link, "#") || p.ids[link[1:]] != 1 {
			t.Fatalf("the link %q leads nowhere", link)
		}
	}
}

func TestPageIsItsOwn(t *testing.T) {
	if outside := regexp.MustCompile(`url\(|@import|https?:`).FindString(reportFile("style.css") + reportFile("graph.css") + reportFile("script.js")); outside != "" {
		t.Errorf("the page loads something: %s", outside)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := hostileText.Draw(t, "text")
		p := samplePlan(rapid.SampledFrom([]int{1, 20, 60}).Draw(t, "changes"), text)
		p.Project = hostileText.Draw(t, "project")
		for i := range p.Hazards {
			p.Hazards[i].Code += hostileText.Draw(t, "code")
		}
		p.Diagnostics.Warnf(resource.Range{File: text}, "", text, "%s", text)
		var b strings.Builder
		if err := newView(&b, false).PlanReport(p, HTML); err != nil {
			t.Fatal(err)
		}
		page := parsePage(t, b.String())
		checkPage(t, page)
		for _, c := range p.Changes {
			if page.ids[string(c.Path)] != 1 {
				t.Fatalf("the page has no change of %s", c.Path)
			}
		}
	})
}

// The changes of a group have an element each, to which hazards and the drawing link.
func TestPageOfAlikeChanges(t *testing.T) {
	p := samplePlan(200, "text")
	ink := newPalette(false)
	d := &document{Changes: len(p.Changes)}
	d.warn(p)
	var at map[resource.Path]*branch
	d.Tree, at = ink.branches(p, foldByName(p.Changes))
	graph, err := planFigure(p, at)
	if err != nil {
		t.Fatal(err)
	}
	d.Graph = graph
	var b strings.Builder
	if err := newView(&b, false).document(d); err != nil {
		t.Fatal(err)
	}
	page := parsePage(t, b.String())
	checkPage(t, page)
	for _, c := range p.Changes {
		if page.ids[string(c.Path)] != 1 {
			t.Errorf("the page has no change of %s", c.Path)
		}
	}
	if !strings.Contains(page.texts["th"].String(), "env[\"NUMBER\"]") {
		t.Errorf("no column of differences: %s", page.texts["th"].String())
	}
}

// The rows of a group are in the order of their numbers, as on the terminal.
func TestPageOrdersRows(t *testing.T) {
	g := review.Group{Changes: []*plan.Change{{Path: "main/s/t/c-1", Action: plan.Create}, {Path: "main/s/t/c-10", Action: plan.Create}, {Path: "main/s/t/c-2", Action: plan.Create}}}
	var paths []resource.Path
	for _, row := range newPalette(false).entry(g, nil).Rows {
		paths = append(paths, row.ID)
	}
	if want := []resource.Path{"main/s/t/c-1", "main/s/t/c-2", "main/s/t/c-10"}; !slices.Equal(paths, want) {
		t.Errorf("got the rows %v, want %v", paths, want)
	}
}
