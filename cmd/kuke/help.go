package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/help"
)

// newHelp returns kuke help, which takes the place of cobra's command: it also knows topics.
func newHelp(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [TOPIC | COMMAND...]",
		Short: "Show the help of a command or a topic",
		Long: "help shows a topic of the manual, or the help of a command. Without an argument it lists the commands and the\n" +
			"topics.",
		Example: "  kuke help network\n  kuke help state mv\n  kuke help attributes | less -R",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return helpCompletions(cmd.Root(), args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Root().Help()
			}
			if found, rest, err := cmd.Root().Find(args); err == nil && len(rest) == 0 && found != cmd.Root() {
				return found.Help()
			}
			topic, ok := help.Find(args[0])
			if !ok || len(args) > 1 {
				return noHelp(cmd.Root(), args)
			}
			a.out.Topic(topic)
			return nil
		},
	}
}

// helpCompletions returns the words that may follow args, each with its description.
func helpCompletions(root *cobra.Command, args []string) []string {
	parent, rest, err := root.Find(args)
	if err != nil || len(rest) > 0 {
		return nil
	}
	var words []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			words = append(words, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	if parent == root {
		for _, t := range help.Topics() {
			words = append(words, cobra.CompletionWithDesc(t.Name, t.Summary()))
		}
	}
	return words
}

// noHelp says that there is neither a command nor a topic of that name, and which may be meant.
func noHelp(root *cobra.Command, args []string) error {
	var words []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			words = append(words, c.Name())
		}
	}
	for _, t := range help.Topics() {
		words = append(words, t.Name)
	}
	slices.Sort(words)
	text := "there is no help for " + strings.Join(args, " ")
	if similar := near(args[0], words); len(similar) > 0 && len(args) == 1 {
		return fmt.Errorf("%s: did you mean %s?", text, strings.Join(similar, " or "))
	}
	return fmt.Errorf("%s: kuke help lists commands and topics", text)
}
