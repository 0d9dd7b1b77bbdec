package main

import (
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// again returns the command line that continues the work of the command after a failure. It leaves out the values of variables
// and of the environment of a container, which may be sensitive.
func (a *app) again(cmd *cobra.Command) string {
	words := strings.Fields(cmd.CommandPath())
	args := cmd.Flags().Args()
	if cmd.Name() == "apply" && len(args) == 1 {
		// The state has changed: the saved plan is stale.
		file := quoted(args[0])
		return "kuke plan --out " + file + " && kuke apply " + file
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !a.environ[f.Name] {
			words = append(words, assigned(cmd, f)...)
		}
	})
	if len(args) > 0 && strings.HasPrefix(args[0], "-") {
		words = append(words, "--")
	}
	words = append(words, args...)
	for i := range words {
		words[i] = quoted(words[i])
	}
	return strings.Join(words, " ")
}

// placeFlags are the flags that say where the state and the host are, which a saved plan does not hold.
var placeFlags = []string{"chdir", "run-path", "containerd", "cgroup-root", "cni-conf-dir", "cni-bin-dir", "host"}

// applying returns the command line that applies the plan that cmd saves to file. needy says that the plan needs sensitive values,
// which the configuration has.
func (a *app) applying(cmd *cobra.Command, file string, needy bool) string {
	wanted := placeFlags
	if needy {
		wanted = slices.Concat(placeFlags, inputFlags)
	}
	words := []string{"kuke", "apply", file}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(wanted, f.Name) && !a.environ[f.Name] {
			words = append(words, assigned(cmd, f)...)
		}
	})
	if needy && !cmd.Flags().Changed("file") {
		words = append(words, "--file", ".")
	}
	for i := range words {
		words[i] = quoted(words[i])
	}
	return strings.Join(words, " ")
}

// assigned returns the words of a command line that give a flag its value.
func assigned(cmd *cobra.Command, f *pflag.Flag) []string {
	name := flagName(f)
	var words []string
	switch value := f.Value.(type) {
	case *assignmentFlag:
		if value.file && cmd.Flags().Changed("var") {
			return nil // with --var: their order counts
		}
		for _, v := range value.of.assignments {
			if v.File != "" {
				words = append(words, "--var-file", v.File)
			} else {
				words = append(words, "--var", v.Name+"=…")
			}
		}
	case pflag.SliceValue:
		for _, v := range value.GetSlice() {
			if variable, _, ok := strings.Cut(v, "="); ok && f.Name == "env" {
				v = variable + "=…"
			}
			words = append(words, name, v)
		}
	default:
		switch text := value.String(); {
		case value.Type() != "bool":
			words = append(words, name, text)
		case text == "true":
			words = append(words, name)
		default:
			words = append(words, name+"="+text)
		}
	}
	return words
}

// plain matches the words that a shell takes as they are.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,…-]+$`)

// quoted quotes a word for a shell.
func quoted(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// drawn reports whether lines can be drawn on the terminal of the output: it moves its cursor, and no log goes there.
func (a *app) drawn() bool {
	return !slices.Contains([]string{"", "dumb"}, os.Getenv("TERM")) && (a.logLevel == "off" || !term.IsTerminal(int(a.stderr.Fd())))
}
