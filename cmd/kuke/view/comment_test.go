package view

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	gmtext "github.com/yuin/goldmark/text"
	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// hostileText draws texts that mean something to Markdown, HTML or a forge.
var hostileText = rapid.Custom(func(t *rapid.T) string {
	part := rapid.OneOf(rapid.SampledFrom([]string{
		"```", "~~~", "``````````", "`", "</details>", "<details>", "<script>alert(1)</script>", "<!--", "-->", "--", "|", "\\", "@all", "@octocat", "#123", "GH-1",
		"o/r#5", "!7", "https://github.com/o/r/issues/1", "www.example.com", "[a](b)", "![a](b)", "[[_TOC_]]", "**", "__", "~~", "# x", "- x", "1. x", "\n", "\n\n", "\t",
		"/close", "&lt;", "&#64;all", ":tada:", "$x$", "\x1b[31m", "\u202e", "\xff", "\x00", "é", "日本語", "0123456789abcdef0123456789abcdef01234567", " ", "plain words",
		"</pre>", "\"", "'", "{{.}}", "]]>", strings.Repeat("`", 3000), strings.Repeat("x", 5000), "javascript:alert(1)",
	}), rapid.String())
	return strings.Join(rapid.SliceOfN(part, 0, 12).Draw(t, "parts"), rapid.SampledFrom([]string{"", " ", "\n"}).Draw(t, "separator"))
})

// parsedComment holds the parts of a comment by which it is judged.
type parsedComment struct {
	open, closed int
	fences       []string
	summaries    []string
	items        []string
	tables       int
}

// meaningful matches text outside of code that a forge makes something of.
var meaningful = regexp.MustCompile("[@#!~$^`*_\\[\\]{}<>|\\\\]|://|www\\.|(?i)\\bgh-[0-9]|:[a-z]+:|[0-9a-f]{7,}")

// parseComment parses a comment as a forge does, and checks that it has the nodes of a report and no others.
func parseComment(t interface{ Fatalf(string, ...any) }, source string) *parsedComment {
	p := &parsedComment{}
	md := goldmark.New(goldmark.WithExtensions(extension.GFM))
	doc := md.Parser().Parse(gmtext.NewReader([]byte(source)))
	lines := func(n ast.Node) string { return string(n.Lines().Value([]byte(source))) }
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.HTMLBlock:
			text := lines(n)
			if n.HasClosure() {
				text += string(n.ClosureLine.Value([]byte(source)))
			}
			p.block(t, strings.TrimSpace(text))
		case *ast.FencedCodeBlock:
			p.fences = append(p.fences, lines(n))
		case *extast.Table:
			p.tables++
		case *ast.ListItem:
			if n.FirstChild() != nil {
				p.items = append(p.items, lines(n.FirstChild()))
			}
		case *ast.Text:
			// Entities are still spelled as such, and the text of a code span is its own.
			text := strings.NewReplacer("&#34;", `"`, "&#39;", "'", "&amp;", "&", "&lt;", "", "&gt;", "").Replace(string(n.Segment.Value([]byte(source))))
			if _, ok := n.Parent().(*ast.CodeSpan); !ok && meaningful.MatchString(text) {
				t.Fatalf("the text %q means something to a forge, in\n%s", text, source)
			}
		case *ast.Document, *ast.Paragraph, *ast.TextBlock, *ast.Heading, *ast.List, *ast.Emphasis, *ast.CodeSpan, *ast.String,
			*extast.TableHeader, *extast.TableRow, *extast.TableCell:
		default:
			t.Fatalf("the comment has a %v, in\n%s", n.Kind(), source)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return p
}

var (
	ownMarker  = regexp.MustCompile(`^<!-- kuke-plan [A-Za-z0-9%._~$&+=:@-]* -->$`)
	ownDetails = regexp.MustCompile(`^<details(?: open)?>\n<summary>(.*)</summary>$`)
)

func (p *parsedComment) block(t interface{ Fatalf(string, ...any) }, text string) {
	summary := ownDetails.FindStringSubmatch(text)
	switch {
	case summary != nil:
		p.open++
		p.summaries = append(p.summaries, summary[1])
	case text == "</details>":
		if p.closed++; p.closed > p.open {
			t.Fatalf("more details end than begin")
		}
	case !ownMarker.MatchString(text):
		t.Fatalf("the comment has the HTML %q", text)
	}
}

// checkComment checks the structure of a comment, and that each destructive change is shown, named or counted.
func checkComment(t interface{ Fatalf(string, ...any) }, p *plan.Plan, source string) {
	if len(source) > commentLimit || utf8.RuneCountInString(source) > commentLimit {
		t.Fatalf("the comment has %d bytes", len(source))
	}
	if !strings.HasPrefix(source, "<!-- kuke-plan ") {
		t.Fatalf("the comment begins with %.40q", source)
	}
	c := parseComment(t, source)
	if c.open != c.closed || c.open == 0 || c.tables != 1 {
		t.Fatalf("%d details begin, %d end, and there are %d tables, in\n%s", c.open, c.closed, c.tables, source)
	}
	for action, does := range map[plan.Action]string{plan.Delete: "will be destroyed", plan.Replace: "must be replaced"} {
		titled, found := 0, 0
		for _, s := range c.summaries {
			titled += numberIn(s, `(\d+) to `+string(action))
		}
		for _, f := range c.fences {
			for _, m := range regexp.MustCompile(`(?m)^[-!+/ ]* (?:([0-9]+) )?(?:realm|space|stack|cell|container)s?(?: in)?(?: [a-z0-9/…-]+)? `+does+`(?:$|:)`).FindAllStringSubmatch(f, -1) {
				n, err := strconv.Atoi(m[1])
				if err != nil {
					n = 1
				}
				found += n
			}
		}
		for _, item := range c.items {
			found += numberIn(item, `^(\d+) more to `+string(action)+`\b`)
		}
		if want := tallyOf(p.Changes).of(action); titled != want || found != want {
			t.Fatalf("%d changes %s: the titles count %d of them, the sections show, name or count %d, in\n%s", want, action, titled, found, source)
		}
	}
}

// numberIn returns the number that the expression finds, or 0.
func numberIn(s, expression string) int {
	m := regexp.MustCompile(expression).FindStringSubmatch(s)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

func TestComment(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{1, 20, 60}).Draw(t, "changes")
		p := samplePlan(n, hostileText.Draw(t, "text"))
		p.Project = hostileText.Draw(t, "project")
		detail := hostileText.Draw(t, "detail")
		for i := range p.Hazards {
			p.Hazards[i].Code += hostileText.Draw(t, "code")
			p.Hazards[i].Detail += detail
		}
		p.Images[0].Reference = hostileText.Draw(t, "image")
		p.Cost.Pulls[0].Reference = p.Images[0].Reference
		p.Diagnostics.Warnf(resource.Range{File: detail}, "", detail, "%s", detail)
		source := newPalette(false).planMarkdown(p)
		checkComment(t, p, source)
		if again := newPalette(false).planMarkdown(p); again != source {
			t.Fatalf("two comments of one plan differ")
		}
	})
}

// The comment of a plan of any size is below the limit; of a plan that fits it names each destroyed resource.
func TestCommentOfManyChanges(t *testing.T) {
	for _, n := range []int{1, 20, 500, 5000} {
		for _, text := range []string{"short", strings.Repeat("long ", 400)} {
			p := samplePlan(n, text)
			source := newPalette(false).planMarkdown(p)
			checkComment(t, p, source)
			if n > 500 {
				continue
			}
			for _, c := range p.Changes {
				if destructive(c.Action) && !strings.Contains(source, c.Path.Parent().Name()+"/"+c.Path.Name()) {
					t.Errorf("of %d changes, that of %s is not named", n, c.Path)
				}
			}
		}
	}
}

// Destroying everything counts the resources that it does not name, also where each is in a realm of its own.
func TestCommentOfDestruction(t *testing.T) {
	for name, path := range map[string]func(i int) resource.Path{
		"realms": func(i int) resource.Path {
			return resource.Path(fmt.Sprintf("realm-%d-%s", i, strings.Repeat("x", 40)))
		},
		"containers": func(i int) resource.Path {
			return resource.Path(fmt.Sprintf("main/s/t/c%d/%s", i%7, fmt.Sprintf("c-%d", i)))
		},
	} {
		p := &plan.Plan{Project: "shop", Destroy: true}
		for i := range 5000 {
			p.Changes = append(p.Changes, &plan.Change{Path: path(i), Action: plan.Delete})
			p.Steps = append(p.Steps, plan.Step{Op: plan.OpDelete, Path: path(i)})
			p.Hazards = append(p.Hazards, plan.Hazard{Code: fmt.Sprintf("code-%d", i%300), Path: path(i), Detail: strings.Repeat("a long detail ", 50)})
		}
		t.Run(name, func(t *testing.T) {
			source := newPalette(false).planMarkdown(p)
			checkComment(t, p, source)
			if !strings.Contains(source, "<details open>") {
				t.Error("a plan that destroys everything in few groups shows none of them")
			}
		})
	}
}

// A group of changes that are alike is one block, and counts as many.
func TestCommentOfAlikeChanges(t *testing.T) {
	for _, n := range []int{120, 5000} {
		p := samplePlan(n, "text")
		groups := foldByName(p.Changes)
		c := newPalette(false).comment(p, groups, commentLimit)
		source := "<!-- kuke-plan x -->\n\n| |\n|:--|\n" + c.String()
		checkComment(t, p, source)
		if !regexp.MustCompile(`container +env\["NUMBER"\]`).MatchString(source) && n == 120 {
			t.Errorf("no table of differences in\n%s", source)
		}
	}
}

func TestProse(t *testing.T) {
	for text, want := range map[string]string{
		"The port 8080:80/tcp closes, see (main/a).": "The port `8080:80/tcp` closes, see (`main/a`).",
		"a\n\n# b @all #1":                           "a `#` b `@all` `#1`",
		"``":                                         "``` `` ```",
		"<b> & \"x\"":                                "`<b>` `&` &#34;x&#34;",
		"deadbeef cafe 1,234 2% don't":               "`deadbeef` cafe 1,234 2% don&#39;t",
		":tada: GH-12 www.a.b":                       "`:tada`: `GH-12` `www.a.b`",
	} {
		if got := prose(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
