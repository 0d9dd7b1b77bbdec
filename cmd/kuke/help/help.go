// Package help holds the manual of kuke: one Markdown file for each topic, embedded into the program. The files read well on a
// forge; [Topic.Text] lays one out for a terminal. The files below reference are generated from the schema of the attributes and
// from the commands, by the tests of package main. The package prints nothing and knows no command.
package help

import (
	"embed"
	"strings"
)

//go:embed *.md reference/*.md
var files embed.FS

// Topic is one page of the manual.
type Topic struct {
	// Name is the word that the user writes: kuke help NAME.
	Name string
	file string
}

// Topics returns the topics in the order in which they are listed.
func Topics() []Topic {
	return []Topic{
		{"tutorial", "tutorial.md"},
		{"concepts", "concepts.md"},
		{"language", "language.md"},
		{"network", "network.md"},
		{"volumes", "volumes.md"},
		{"secrets", "secrets.md"},
		{"registries", "registries.md"},
		{"operations", "operations.md"},
		{"pipelines", "pipelines.md"},
		{"hosts", "hosts.md"},
		{"security", "security.md"},
		{"hazards", "hazards.md"},
		{"rehearse", "rehearse.md"},
		{"json", "json.md"},
		{"policy", "policy.md"},
		{"flags", "flags.md"},
		{"compose", "compose.md"},
		{"terraform", "terraform.md"},
		{"attributes", "reference/attributes.md"},
		{"commands", "reference/commands.md"},
		{"architecture", "architecture.md"},
	}
}

// Find returns the topic of that name.
func Find(name string) (Topic, bool) {
	for _, t := range Topics() {
		if strings.EqualFold(t.Name, name) {
			return t, true
		}
	}
	return Topic{}, false
}

// File returns the name of the topic's file, below the directory of this package.
func (t Topic) File() string { return t.file }

// Markdown returns the page as it is written.
func (t Topic) Markdown() string {
	data, err := files.ReadFile(t.file)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return string(data)
}

// Summary returns the page's first heading without the topic's name, for lists.
func (t Topic) Summary() string {
	heading, _, _ := strings.Cut(strings.TrimPrefix(t.Markdown(), "# "), "\n")
	if _, summary, ok := strings.Cut(heading, ": "); ok {
		return summary
	}
	return heading
}
