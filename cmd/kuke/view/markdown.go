package view

import (
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// The sizes of parts of a comment, in bytes, of which a character has at least one. Forges take 65,536 characters; the rest is
// for the words of a pipeline around the comment.
const (
	commentLimit = 60_000
	hazardLimit  = 14_000
	textLimit    = 4_000 // of warnings, and of effects that belong to no resource
	namesLimit   = 600   // of one list of names
	detailLimit  = 400   // of the detail of a hazard, in characters
	mostDetails  = 5     // of the hazards with one code
)

// planMarkdown returns a plan as a comment for a forge, below [commentLimit].
func (ink *palette) planMarkdown(p *plan.Plan) string {
	var head strings.Builder
	head.WriteString("<!-- kuke-plan " + marker(p.Project) + " -->\n")
	head.WriteString("### kuke plan" + ofProject(p) + ": " + planTitle(p) + "\n")
	tallyOf(p.Changes).markdown(&head)
	hazardMarkdown(&head, p)
	costMarkdown(&head, p)
	if verdict := ink.verdictOf(p); len(verdict) > 0 {
		head.WriteString("\n" + fenced(clipped(diffText(&page{lines: verdict}), textLimit)))
	}
	if len(p.Diagnostics) > 0 {
		head.WriteString("\n" + fenced(clipped(diffText(ink.diagnostics(p.Diagnostics, nil)), textLimit)))
	}
	if p.Empty() {
		head.WriteString("\n" + fenced(clipped(diffText(ink.plan(p)), textLimit)))
		return head.String()
	}
	effects := &page{}
	ink.surgery(effects, p)
	ink.effects(effects, p)
	tail := ""
	if len(effects.lines) > 0 {
		tail = "\n<details>\n<summary>Images, names and outputs</summary>\n\n" + fenced(clipped(diffText(effects), textLimit)) + "\n</details>\n"
	}
	body := ink.comment(p, ink.groups(p.Changes), commentLimit-head.Len()-len(tail))
	return head.String() + body.String() + tail
}

// stateMarkdown returns the recorded resources as a comment, below [commentLimit].
func (ink *palette) stateMarkdown(st *state.State) string {
	return "<!-- kuke-state -->\n### " + stateTitle(st) + "\n\n" + fenced(clipped(diffText(ink.state(st)), commentLimit-textLimit))
}

func ofProject(p *plan.Plan) string {
	if p.Project == "" {
		return ""
	}
	return " of project " + code(p.Project)
}

// marker spells a name so that it ends no comment of HTML.
func marker(name string) string { return strings.ReplaceAll(url.PathEscape(name), "--", "-%2D") }

func (t tally) markdown(b *strings.Builder) {
	kinds := t.kinds()
	if len(kinds) == 0 {
		return
	}
	b.WriteString("\n| |")
	for _, k := range kinds {
		b.WriteString(" " + k.Lower() + " |")
	}
	b.WriteString(" all |\n|:--|" + strings.Repeat("--:|", len(kinds)+1) + "\n")
	for _, a := range t.actions() {
		name := actionVerb(a)
		if destructive(a) {
			name = "**" + name + "**"
		}
		b.WriteString("| " + name + " |")
		for _, k := range kinds {
			if n := t[a][k]; n > 0 {
				fmt.Fprintf(b, " %d", n)
			}
			b.WriteString(" |")
		}
		fmt.Fprintf(b, " %d |\n", t.of(a))
	}
}

// hazardMarkdown writes the hazards by their codes: a share of the room for each code, so that many of one code leave room for
// the only one of another.
func hazardMarkdown(b *strings.Builder, p *plan.Plan) {
	kinds := hazardKinds(p)
	if len(kinds) == 0 {
		return
	}
	fmt.Fprintf(b, "\n**%s.** `kuke help hazards` explains the codes.\n\n", plural(len(p.Hazards), "hazard"))
	left := hazardLimit
	for i, k := range kinds {
		share := left / (len(kinds) - i)
		text := k.markdown(share)
		if len(text) > left {
			fmt.Fprintf(b, "- %d more codes\n", len(kinds)-i)
			return
		}
		left -= len(text)
		b.WriteString(text)
	}
}

// markdown returns the hazards in at most about that many bytes: the details of the first ones, then paths, then a number.
func (k *hazardKind) markdown(most int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- **%s** (%d)\n", code(cut(k.code, longestText)), k.count)
	for i, d := range k.details {
		text := fmt.Sprintf("  - %s: %s\n", codeList(texts(d.paths), namesLimit), prose(cut(d.text, detailLimit)))
		if i == mostDetails || b.Len()+len(text)+namesLimit > most && len(k.details) > 1 {
			var others []string
			for _, d := range k.details[i:] {
				others = append(others, texts(d.paths)...)
			}
			b.WriteString("  - " + codeList(others, min(namesLimit, most-b.Len())) + "\n")
			break
		}
		b.WriteString(text)
	}
	return b.String()
}

func texts(paths []resource.Path) []string {
	var all []string
	for _, p := range paths {
		all = append(all, string(p))
	}
	return all
}

func costMarkdown(b *strings.Builder, p *plan.Plan) {
	items := costItems(p)
	if len(items) == 0 {
		return
	}
	b.WriteString("\n**Cost**\n\n")
	for _, item := range items {
		b.WriteString("- " + prose(item.Text) + ": " + codeList(item.Names, namesLimit) + "\n")
	}
}

// diffText spells a page so that a forge colours it as a diff, whose lines have the sign of their change in front.
func diffText(content *page) string {
	var b strings.Builder
	for _, l := range content.lines {
		switch l.Class {
		case classAdd, classDelete:
			b.WriteString(l.Sign + l.Indent + " " + l.Text + "\n")
		case classChange:
			b.WriteString("!" + l.Indent + l.Sign + l.Text + "\n")
		case classWarning:
			b.WriteString("! " + l.Text + "\n")
		default:
			b.WriteString(strings.TrimRight(" "+l.Text, " ") + "\n")
		}
	}
	return strings.Trim(b.String(), "\n") + "\n"
}

// longestLine is the maximum number of characters of a line in a comment.
const longestLine = 300

// clipped returns the first lines of a text, in at most about that many bytes, and the number of the others.
func clipped(text string, most int) string {
	var b strings.Builder
	rest := 0
	for l := range strings.Lines(text) {
		l = cut(strings.TrimSuffix(l, "\n"), longestLine) + "\n"
		if rest > 0 || b.Len()+len(l) > most {
			rest++
			continue
		}
		b.WriteString(l)
	}
	if rest > 0 {
		fmt.Fprintf(&b, " … and %s\n", plural(rest, "more line"))
	}
	return b.String()
}

// fenced returns a block of code that no text in it ends.
func fenced(text string) string {
	fence := strings.Repeat("`", fenceLength(longestRun(text)))
	return fence + "diff\n" + text + fence + "\n"
}

// fenceLength is the length of a fence around a text whose longest run of backticks is that long.
func fenceLength(run int) int { return max(3, run+1) }

// longestRun returns the length of the longest run of backticks.
func longestRun(s string) int {
	longest, run := 0, 0
	for _, r := range s {
		run++
		if r != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// oneLine returns s for the middle of a line: without line ends, and visible.
func oneLine(s string) string {
	return strings.Join(strings.Fields(visible(strings.ToValidUTF8(s, "\uFFFD"))), " ")
}

// code returns s as a span of code, in which a forge finds no links, names of users or numbers of issues.
func code(s string) string {
	s = oneLine(s)
	run := longestRun(s)
	if run == 0 && s != "" {
		return "`" + s + "`"
	}
	fence := strings.Repeat("`", run+1)
	return fence + " " + s + " " + fence
}

// plainWord matches the words of a sentence that mean nothing to Markdown or to a forge, without the punctuation around them.
var plainWord = regexp.MustCompile(`^(?:[A-Za-z][a-z]*(?:[-'][a-z]+)*|[A-Z]{2,5}|[0-9]{1,6}(?:[.,][0-9]+)*%?)$`)

// hexWord matches the words that can be the id of a commit.
var hexWord = regexp.MustCompile(`^[0-9a-f]{7,}$`)

// prose returns a text as Markdown with no structure of its own: each word that could mean something is code.
func prose(s string) string {
	words := strings.Split(oneLine(s), " ")
	for i, word := range words {
		inner := strings.TrimRight(strings.TrimLeft(word, `("`), `.,;:)"`)
		if inner == "" || plainWord.MatchString(inner) && !hexWord.MatchString(inner) {
			words[i] = html.EscapeString(word)
			continue
		}
		at := strings.Index(word, inner)
		words[i] = html.EscapeString(word[:at]) + code(inner) + html.EscapeString(word[at+len(inner):])
	}
	return strings.Join(words, " ")
}

// codeList returns the names as code, in at most about that many bytes, and the number of the others.
func codeList(names []string, most int) string {
	var b strings.Builder
	for i, name := range names {
		text := code(cut(name, longestLine))
		if i > 0 {
			text = ", " + text
		}
		if b.Len()+len(text) > most {
			if i == 0 {
				return fmt.Sprintf("%d, too many to name", len(names))
			}
			fmt.Fprintf(&b, " and %d more", len(names)-i)
			break
		}
		b.WriteString(text)
	}
	return b.String()
}
