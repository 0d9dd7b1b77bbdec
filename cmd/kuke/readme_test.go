package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/help"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
)

// TestManual makes sure that the manual names every attribute, command and global flag.
func TestManual(t *testing.T) {
	page := func(name string) string {
		topic, ok := help.Find(name)
		if !ok {
			t.Fatalf("there is no topic %s", name)
		}
		return topic.Markdown()
	}
	reference := page("attributes")
	for _, kind := range resource.Kinds {
		for _, a := range kind.Attributes() {
			if !strings.Contains(reference, "`"+a.Name+"`") && !strings.Contains(reference, "`"+a.Name+".") {
				t.Errorf("the manual doesn't document %s of a %s", a.Name, kind.Lower())
			}
			if a.HCLName != a.Name && !strings.Contains(reference, "`"+a.HCLName+"`") {
				t.Errorf("the manual doesn't document %s of a %s", a.HCLName, kind.Lower())
			}
		}
	}
	root := testRoot()
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && !strings.Contains(page("commands"), "`kuke "+c.Name()+"`") {
			t.Errorf("the manual doesn't document kuke %s", c.Name())
		}
		if c.IsAvailableCommand() && c.GroupID == "" {
			t.Errorf("kuke %s is in no group of commands", c.Name())
		}
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(page("flags"), "`--"+f.Name+"`") {
			t.Errorf("the manual doesn't document --%s", f.Name)
		}
	})
}

// TestReadmeBlocks makes sure that the HCL and YAML in the README and the manual is valid and in canonical format. A block may
// refer to resources and files that it doesn't show.
func TestReadmeBlocks(t *testing.T) {
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := checkBlocks(t, "the README", string(data)); n == 0 {
		t.Error("the README has no HCL and no YAML")
	}
	n := 0
	for _, topic := range help.Topics() {
		n += checkBlocks(t, topic.File(), topic.Markdown())
	}
	if n == 0 {
		t.Error("the manual has no HCL and no YAML")
	}
}

// checkBlocks loads and formats the blocks of a page, and returns their number.
func checkBlocks(t *testing.T, page, markdown string) int {
	missing := []string{
		"Missing parent", "Parent is not declared", "Undeclared cell", "Undeclared container", "Undeclared local value", "Undeclared variable",
		"Unreadable module", "Missing env file", "Unreadable config",
	}
	blocks := regexp.MustCompile("(?s)```(hcl|yaml)\n(.*?)```").FindAllStringSubmatch(markdown, -1)
	for _, block := range blocks {
		language, text := block[1], block[2]
		file := filepath.Join(t.TempDir(), "main."+language)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, diags := config.Load(config.Input{Paths: []string{file}})
		for _, d := range diags {
			if !slices.Contains(missing, d.Summary) {
				t.Errorf("%s: %s: %s in\n%s", page, d.Summary, d.Detail, text)
			}
		}
		if language != "hcl" {
			continue
		}
		files, _, diags := config.Format([]string{"-"}, false, strings.NewReader(text))
		if diags.HasErrors() || len(files) != 1 || string(files[0].After) != text {
			t.Errorf("%s: not in canonical format (%v):\n%s", page, diags, text)
		}
	}
	return len(blocks)
}

// TestReadmeExample runs the example of the README and compares its output.
func TestReadmeExample(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: this test runs real containers")
	}
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = exec.Command("kuke", "kill", "realm", "main").Run() // httpd takes no stop signal
		removeEverything(t.Fatal)
	}()
	dir := t.TempDir()
	main := filepath.Join(dir, "main.hcl")
	blocks := regexp.MustCompile("(?s)```(hcl|console)\n(.*?)```").FindAllStringSubmatch(string(data), -1)
	var languages []string
	for _, block := range blocks[:min(3, len(blocks))] {
		languages = append(languages, block[1])
	}
	if !slices.Equal(languages, []string{"hcl", "console", "console"}) {
		t.Fatalf("the README begins with blocks in %q, want a file, its apply and the plan of a change", languages)
	}
	if out, err := exec.Command("kuke", "image", "import", "--realm", "main", "--name", "busybox:1", os.Getenv("KUKE_TEST_ROOTFS")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	changed := strings.NewReplacer("8080:80", "8081:80", `"80"]`, `"80", "-h", "/bin"]`).Replace(blocks[0][2])
	for i, text := range []string{blocks[0][2], changed} {
		if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, sample := range strings.Split(strings.TrimPrefix(blocks[i+1][2], "# "), "\n# ") {
			line, want, _ := strings.Cut(sample, "\n")
			cmd := exec.Command("kuke", strings.Fields(line)[1:]...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", line, err, out)
			}
			if have := timeless(string(out)); have != timeless(want) {
				t.Errorf("%s prints\n%s\nthe README has\n%s", line, out, want)
			}
		}
	}
}

// timeless returns the output of a command without times, and with its steps, which run at the same time, sorted at the end.
func timeless(text string) string {
	text = regexp.MustCompile(`in [0-9.]+m?s\b`).ReplaceAllString(text, "in 0s")
	var lines, steps []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		if line = strings.TrimRight(line, " \n"); strings.HasSuffix(line, " in 0s") {
			steps = append(steps, line)
		} else {
			lines = append(lines, line)
		}
	}
	slices.Sort(steps)
	return strings.Join(append(lines, steps...), "\n")
}
