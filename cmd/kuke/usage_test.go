package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// TestHelpWidth makes sure that the help of each command fits the terminal, but for its examples and the lines that are code.
func TestHelpWidth(t *testing.T) {
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, width := range []int{60, 80, 110} {
			for line := range strings.Lines(strings.Replace(helpText(cmd, width), cmd.Example, "", 1)) {
				line = strings.TrimSuffix(line, "\n")
				if strings.HasPrefix(line, "\t") || strings.TrimSpace(line) == usageLine(cmd) {
					continue
				}
				if n := utf8.RuneCountInString(line); n > width {
					t.Errorf("%s at %d columns: %d in %q", cmd.CommandPath(), width, n, line)
				}
			}
		}
		for _, below := range cmd.Commands() {
			check(below)
		}
	}
	check(testRoot())
}
