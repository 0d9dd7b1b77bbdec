package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/help"
	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
)

var update = flag.Bool("update", false, "write the generated pages of the manual")

// generated marks the files that TestReference writes.
const generated = "<!-- Generated from %s: run go test ./cmd/kuke -run TestReference -update -->\n"

func testRoot() *cobra.Command {
	return newRoot(&app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, out: view.New(os.Stdout, false)})
}

// TestReference makes sure that the generated pages of the manual are current. With -update it writes them.
func TestReference(t *testing.T) {
	root := testRoot()
	flags, ok := help.Find("flags")
	if !ok {
		t.Fatal("there is no topic flags")
	}
	for file, want := range map[string]string{
		"reference/attributes.md": attributeReference(t),
		"reference/commands.md":   commandReference(root),
		"flags.md":                withGlobalFlags(t, flags.Markdown(), root),
	} {
		path := filepath.Join("help", file)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != want {
			t.Errorf("%s is not current: run go test ./cmd/kuke -run TestReference -update", path)
		}
	}
}

// tableRow returns a row of a Markdown table.
func tableRow(cells ...string) string {
	for i, c := range cells {
		cells[i] = escapedTags(strings.ReplaceAll(strings.ReplaceAll(c, "\n", " "), "|", `\|`))
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// escapedTags escapes the characters that begin a tag in Markdown, except in code, which has no escapes.
func escapedTags(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "    ") {
			b.WriteString(line)
			continue
		}
		for i, piece := range strings.Split(line, "`") {
			if i > 0 {
				b.WriteString("`")
			}
			if i%2 == 0 {
				piece = strings.ReplaceAll(piece, "<", `\<`)
			}
			b.WriteString(piece)
		}
	}
	return b.String()
}

// attributeReference returns the page about the attributes of all kinds. Those that all kinds have stand there once.
func attributeReference(t *testing.T) string {
	var b strings.Builder
	b.WriteString("# Attributes: every attribute of every kind\n\n")
	fmt.Fprintf(&b, generated, "the struct tags of config/resource")
	b.WriteString(`
The first name is that of YAML manifests, the second, where it differs, that of HCL. *On change* says how a change of the
attribute affects an existing resource:

- **replace**: the resource is deleted and created again.
- **in place**: the resource is updated, and its processes go on running.
- **record**: only the record changes; the value is used at the next start or stop.

` + "`kuke explain KIND.ATTRIBUTE`" + ` shows one attribute with examples.
`)
	shared := map[string]bool{}
	for _, a := range explained(t, resource.KindRealm) {
		shared[a.Name] = a.Name != "" && a.Name != "id" && !slices.ContainsFunc(resource.Kinds, func(k resource.Kind) bool {
			return !slices.ContainsFunc(explained(t, k), func(other *resource.Attribute) bool { return other.Name == a.Name && other.Doc == a.Doc })
		})
	}
	section := func(title, doc string, attributes []*resource.Attribute) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| attribute | type | on change | description |\n|---|---|---|---|\n", title, doc)
		for _, a := range attributes {
			b.WriteString(attributeRows(a, "", ""))
		}
	}
	common := slices.DeleteFunc(explained(t, resource.KindRealm), func(a *resource.Attribute) bool { return !shared[a.Name] })
	section("Every kind", "All kinds have these attributes.", common)
	for _, k := range resource.Kinds {
		own := slices.DeleteFunc(explained(t, k), func(a *resource.Attribute) bool { return shared[a.Name] })
		section(string(k), k.Doc(), own)
	}
	return b.String()
}

// explained returns the attributes of a kind, without the fields of the kind below it.
func explained(t *testing.T, k resource.Kind) []*resource.Attribute {
	e, err := config.Explain(k.Lower())
	if err != nil {
		t.Fatal(err)
	}
	fields := slices.Clone(e.Fields)
	for i, a := range fields {
		if child := k.Child(); child != "" && a.HCLName == child.Lower() {
			block := *a
			block.Fields = nil
			fields[i] = &block
		}
	}
	return fields
}

// attributeRows returns the row of an attribute and those of its fields.
func attributeRows(a *resource.Attribute, prefix string, effect resource.Effect) string {
	name, hcl := "", ""
	if a.Name != "" {
		name = prefix + a.Name
	}
	if a.HCLName != a.Name {
		hcl = a.HCLName
	}
	if effect == "" {
		effect = a.Effect
	}
	shown := map[resource.Effect]string{resource.Replace: "replace", resource.Live: "in place", resource.Recorded: "record"}[effect]
	kind := string(a.Type)
	if a.Required {
		kind += ", required"
	}
	var names []string
	for _, n := range []string{name, hcl} {
		if n != "" {
			names = append(names, "`"+n+"`")
		}
	}
	doc := a.Doc
	if a.Default != "" {
		doc += " Default: " + a.Default + "."
	}
	text := tableRow(strings.Join(names, ", "), kind, shown, doc)
	for _, field := range a.Fields {
		text += attributeRows(field, name+".", effect)
	}
	return text
}

// commandReference returns the page about all commands.
func commandReference(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# Commands: every command and its flags\n\n")
	fmt.Fprintf(&b, generated, "the commands")
	b.WriteString("\nAll commands also take the global flags: see [`kuke help flags`](../flags.md).\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n", g.title)
		for _, cmd := range g.of(root) {
			b.WriteString(commandSections(cmd))
		}
	}
	return b.String()
}

func commandSections(cmd *cobra.Command) string {
	if !cmd.IsAvailableCommand() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n### `%s`\n\n%s.\n", cmd.CommandPath(), cmd.Short)
	if cmd.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", escapedTags(cmd.Long))
	}
	fmt.Fprintf(&b, "\n```text\n%s\n```\n", usageLine(cmd))
	if cmd.Example != "" {
		var lines []string
		for line := range strings.Lines(cmd.Example) {
			lines = append(lines, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "  "))
		}
		fmt.Fprintf(&b, "\n```sh\n%s\n```\n", strings.Join(lines, "\n"))
	}
	if flags := ownFlags(cmd); flags.HasAvailableFlags() {
		b.WriteString("\n" + flagTable(flags))
	}
	for _, below := range cmd.Commands() {
		b.WriteString(commandSections(below))
	}
	return b.String()
}

func flagTable(flags *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString("| flag | description |\n|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		argument, usage := pflag.UnquoteUsage(f)
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		if argument != "" {
			name += " " + argument
		}
		if zero := []string{"", "false", "[]", "0s", "0"}; !slices.Contains(zero, f.DefValue) && !strings.Contains(usage, "(default") {
			usage += " (default `" + strings.Trim(f.DefValue, "[]") + "`)"
		}
		b.WriteString(tableRow(name, usage))
	})
	return b.String()
}

// withGlobalFlags returns the page about flags with the table of the global flags.
func withGlobalFlags(t *testing.T, page string, root *cobra.Command) string {
	const begin, end = "<!-- generated: global flags -->\n", "<!-- end -->\n"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("flags.md has no place for the global flags")
	}
	return before + begin + "\n" + flagTable(root.PersistentFlags()) + "\n" + end + after
}
