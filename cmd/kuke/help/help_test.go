package help

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryFileIsATopic(t *testing.T) {
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !slices.ContainsFunc(Topics(), func(topic Topic) bool { return topic.File() == path }) {
			t.Errorf("%s is no topic", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range Topics() {
		heading, _, _ := strings.Cut(topic.Markdown(), "\n")
		if name, summary, _ := strings.Cut(strings.TrimPrefix(heading, "# "), ": "); !strings.EqualFold(name, topic.Name) || summary == "" {
			t.Errorf("%s begins with %q: want # %s: SUMMARY", topic.File(), heading, topic.Name)
		}
	}
}

// TestLinks makes sure that links lead to files that exist.
func TestLinks(t *testing.T) {
	pages := []string{"../../../README.md"}
	for _, topic := range Topics() {
		pages = append(pages, topic.File())
	}
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllStringSubmatch(string(data), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), link[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// TestWidth makes sure that nothing but code and narrow tables of many columns is wider than the terminal.
func TestWidth(t *testing.T) {
	for _, topic := range Topics() {
		for _, width := range []int{80, 110} {
			plain := topic.Text(Style{Width: width})
			for line := range strings.Lines(plain) {
				line = strings.TrimSuffix(line, "\n")
				if topic.Name == "attributes" && columns(line) > width { // it has no code
					t.Errorf("%s at %d columns: %d in %q", topic.Name, width, columns(line), line)
				}
				if columns(line) > width && !strings.HasPrefix(line, "    ") && strings.Contains(strings.TrimSpace(line), " ") {
					t.Errorf("%s at %d columns: %d in %q", topic.Name, width, columns(line), line)
				}
			}
			bold := func(s string) string { return "\x1b[1m" + s + "\x1b[22m" }
			marked := topic.Text(Style{Width: width, Heading: bold, Strong: bold})
			if unmarked := regexp.MustCompile("\x1b\\[[0-9]+m").ReplaceAllString(marked, ""); unmarked != plain {
				t.Errorf("%s is laid out in another way with marks", topic.Name)
			}
		}
	}
}

func TestRender(t *testing.T) {
	const page = "# Topic: a page\n\nSome *words* and `code with spaces`, a [link](other.md), and a\n[site](https://example.com).\n\n" +
		"- one item that is longer than a line\n- two\n\n```sh\nkuke plan\n```\n\n<!-- hidden -->\n\n| a | b |\n|---|---|\n| `x\\|y` | several words in a cell |\n"
	want := strings.Join([]string{
		"Topic: a page",
		"",
		"  Some words and `code with",
		"  spaces`, a link, and a site",
		"  (https://example.com).",
		"",
		"  - one item that is longer",
		"    than a line",
		"  - two",
		"",
		"    kuke plan",
		"",
		"  A      B",
		"  `x|y`  several words in a",
		"         cell",
		"",
	}, "\n")
	got := render(page, Style{Width: 30})
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNoEscapes makes sure that no page shows the backslashes that escape characters in Markdown.
func TestNoEscapes(t *testing.T) {
	for _, topic := range Topics() {
		for line := range strings.Lines(topic.Text(Style{Width: 110})) {
			if strings.Contains(line, `\|`) || strings.Contains(line, `\<`) {
				t.Errorf("%s shows an escape: %s", topic.Name, line)
			}
		}
	}
	if got := render("| a |\n|---|\n| x\\|y, \\<name> |\n\n*a* \\<b> `\\<`\n", Style{Width: 30}); got != "  A\n  x|y, <name>\n\n  a <b> `\\<`\n" {
		t.Errorf("rendered:\n%s", got)
	}
}

// TestArchitecture makes sure that every file and package that the page about the code names exists.
func TestArchitecture(t *testing.T) {
	topic, _ := Find("architecture")
	paths := regexp.MustCompile("`((cmd|config|planner|executor|examples|\\.ci|\\.golangci|CHANGELOG)[^` ]*)`").FindAllStringSubmatch(topic.Markdown(), -1)
	if len(paths) < 20 {
		t.Errorf("the page names %d paths", len(paths))
	}
	for _, path := range paths {
		if _, err := os.Stat(filepath.Join("../../..", path[1])); err != nil {
			t.Error(err)
		}
	}
	for _, dir := range publicPackages(t) {
		if !strings.Contains(topic.Markdown(), "`"+dir+"`") {
			t.Errorf("the table lacks package %s", dir)
		}
	}
	for _, target := range regexp.MustCompile("`make ([a-z -]+)").FindAllStringSubmatch(topic.Markdown(), -1) {
		for name := range strings.FieldsSeq(target[1]) {
			makefile, err := os.ReadFile("../../../Makefile")
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(makefile), "\n"+name+":") {
				t.Errorf("the Makefile has no target %s", name)
			}
		}
	}
}

// publicPackages returns the directories of the packages of kuke that are not internal, and not below the lab.
func publicPackages(t *testing.T) []string {
	const root = "../../.."
	var dirs []string
	for _, top := range []string{"cmd", "config", "planner", "executor"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d os.DirEntry, err error) error {
			switch {
			case err != nil || !d.IsDir():
				return err
			case d.Name() == "internal" || d.Name() == "testdata":
				return filepath.SkipDir
			}
			if sources, _ := filepath.Glob(filepath.Join(path, "*.go")); len(sources) > 0 {
				dir, err := filepath.Rel(root, path)
				dirs = append(dirs, dir)
				if err != nil || dir == "executor/lab" {
					return cmp.Or(err, filepath.SkipDir)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}
