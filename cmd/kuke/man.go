package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/kukeon/kuke/cmd/kuke/help"
)

// newMan returns the command that make man runs. It is hidden: users read the same text with kuke help.
func newMan(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "man DIRECTORY",
		Short:   "Write the man pages to a directory",
		Long:    "man writes a page of section 1 for each command and one of section 7 for each topic.",
		Example: "  kuke man /usr/local/share/man",
		Args:    cobra.ExactArgs(1),
		Hidden:  true,
		RunE:    func(cmd *cobra.Command, args []string) error { return writeManPages(cmd.Root(), args[0]) },
	}
}

// fileLink is a link to another file of the manual or the project, which man pages can't follow.
var fileLink = regexp.MustCompile(`\[([^\]]+)\]\([^):]+\)`)

func writeManPages(root *cobra.Command, dir string) error {
	commands, topics := filepath.Join(dir, "man1"), filepath.Join(dir, "man7")
	for _, d := range []string{commands, topics} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("write man pages: %w", err)
		}
	}
	root.DisableAutoGenTag = true // the same pages whenever they are built
	header := &doc.GenManHeader{Section: "1", Source: "kuke " + version, Manual: "kuke manual"}
	if err := doc.GenManTree(root, header, commands); err != nil {
		return fmt.Errorf("write man pages: %w", err)
	}
	for _, t := range help.Topics() {
		_, body, _ := strings.Cut(t.Markdown(), "\n")
		page := fmt.Sprintf("%% \"KUKE-%s\" \"7\" \"\" %q \"kuke manual\"\n# NAME\n\nkuke-%s - %s\n%s",
			strings.ToUpper(t.Name), header.Source, t.Name, t.Summary(), fileLink.ReplaceAllString(body, "$1"))
		if err := os.WriteFile(filepath.Join(topics, "kuke-"+t.Name+".7"), md2man.Render([]byte(page)), 0o644); err != nil {
			return fmt.Errorf("write man pages: %w", err)
		}
	}
	return nil
}
