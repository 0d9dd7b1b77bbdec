package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/help"
	"github.com/kukeon/kuke/cmd/kuke/view"
)

// group is a heading in the list of commands, with the commands below it.
type group struct {
	id, title string
	commands  []string
}

// groups lists all commands in the order of kuke help.
var groups = []group{
	{"apply", "Plan and apply", []string{"plan", "apply", "destroy", "show", "output"}},
	{"look", "Look", []string{"get", "history", "top", "logs", "exec", "attach", "health"}},
	{"operate", "Operate", []string{"create", "delete", "start", "stop", "kill", "restart", "pause", "unpause", "shutdown", "image", "volume", "login", "logout"}},
	{"state", "State", []string{"state", "import"}},
	{"write", "Write configuration", []string{"validate", "fmt", "convert", "console", "explain", "graph", "schema"}},
	{"host", "Host", []string{"doctor", "lab", "service", "version", "completion"}},
}

// addGroups puts the commands below their headings.
func addGroups(root *cobra.Command) {
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, cmd := range g.of(root) {
			cmd.GroupID = g.id
		}
	}
}

// showHelp has root and the commands below it print their help as [helpText] words it.
func showHelp(root *cobra.Command) {
	show := func(cmd *cobra.Command) { cmd.Print(helpText(cmd, view.Width(cmd.OutOrStdout()))) }
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { show(cmd) })
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		show(cmd)
		return nil
	})
}

// helpText returns the help of a command in lines of at most width columns, but for examples: its purpose, how it is written,
// examples, the commands below it and its own flags. The global flags are described by a topic.
func helpText(cmd *cobra.Command, width int) string {
	var b strings.Builder
	purpose := cmd.Long
	if purpose == "" {
		purpose = cmd.Short + "."
	}
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", help.Wrap(purpose, width), usageLine(cmd))
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAliases:\n  %s\n", strings.Join(cmd.Aliases, ", "))
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	b.WriteString(commandLists(cmd, width))
	if flags := ownFlags(cmd); flags.HasAvailableFlags() && cmd.HasParent() {
		fmt.Fprintf(&b, "\nFlags:\n%s", help.Wrap(flags.FlagUsages(), width))
	}
	if !cmd.HasParent() {
		b.WriteString("\nTopics:\n")
		for _, t := range help.Topics() {
			b.WriteString(help.Entry(t.Name, t.Summary(), width))
		}
		const more = "kuke help TOPIC shows a topic, kuke COMMAND --help the help of a command, kuke help flags the global flags."
		b.WriteString("\n" + help.Wrap(more, width) + "\n")
		return b.String()
	}
	b.WriteString("\nkuke help flags lists the global flags.\n")
	return b.String()
}

// commandLists returns the commands below cmd, those of the root below the headings of their groups.
func commandLists(cmd *cobra.Command, width int) string {
	if cmd.HasParent() {
		return commandList("Commands", cmd.Commands(), width)
	}
	text := ""
	for _, g := range groups {
		text += commandList(g.title, g.of(cmd), width)
	}
	return text
}

// of returns the commands of the group in its order.
func (g group) of(root *cobra.Command) []*cobra.Command {
	var commands []*cobra.Command
	for _, name := range g.commands {
		for _, c := range root.Commands() {
			if c.Name() == name {
				commands = append(commands, c)
			}
		}
	}
	return commands
}

func commandList(title string, commands []*cobra.Command, width int) string {
	text := ""
	for _, c := range commands {
		if c.IsAvailableCommand() {
			text += help.Entry(c.Name(), c.Short, width)
		}
	}
	if text == "" {
		return ""
	}
	return "\n" + title + ":\n" + text
}

// ownFlags returns the flags of a command, and those of its parents that are not global.
func ownFlags(cmd *cobra.Command) *pflag.FlagSet {
	own := pflag.NewFlagSet(cmd.Name(), pflag.ContinueOnError)
	global := cmd.Root().PersistentFlags()
	for _, set := range []*pflag.FlagSet{cmd.LocalFlags(), cmd.InheritedFlags()} {
		set.VisitAll(func(f *pflag.Flag) {
			if global.Lookup(f.Name) != nil || f.Name == "help" {
				return
			}
			shown := *f
			if strings.Contains(f.Usage, "(default: ") && f.DefValue == "-1" {
				shown.DefValue = "0" // the text names the default
			}
			own.AddFlag(&shown)
		})
	}
	return own
}

// usageLine returns how a command is written.
func usageLine(cmd *cobra.Command) string {
	line := strings.TrimSuffix(cmd.UseLine(), " [flags]")
	switch {
	case cmd.HasAvailableSubCommands() && !strings.Contains(line[len(cmd.CommandPath()):], "["):
		return cmd.CommandPath() + " COMMAND"
	case ownFlags(cmd).HasAvailableFlags():
		return line + " [flags]"
	}
	return line
}
