package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// twoDashes returns the arguments with two dashes before long flags that have one, which is how Terraform writes them, also
// before unknown flags, so that the error names them whole. Values of flags, and the arguments of a command to be
// run in a container or in the lab, are left alone.
func twoDashes(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil {
		return args
	}
	runsOthers := cmd.Name() == "exec" || cmd.Name() == "lab"
	after := slices.Clone(args)
	value := false // of the flag before
	for i, arg := range args {
		if arg == "--" && !value {
			break
		}
		if value {
			value = false
			continue
		}
		if runsOthers && (arg == "" || arg[0] != '-') {
			break // the command itself: the next words may belong to another one
		}
		name, _, assigned := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if len(arg) < 2 || arg[0] != '-' || name == "" {
			continue
		}
		flag := lookup(cmd, name)
		if arg[1] != '-' && len(name) > 1 {
			short := cmd.Flags().ShorthandLookup(name[:1])
			if inherited := cmd.InheritedFlags().ShorthandLookup(name[:1]); short == nil {
				short = inherited
			}
			if flag == nil && (short != nil || !unicode.IsLetter(rune(name[0]))) {
				continue // short flags together, or one with its value
			}
			after[i] = "-" + arg
		}
		value = flag != nil && !assigned && flag.NoOptDefVal == ""
	}
	return after
}

// lookup returns the flag of the command by its long name or, where that is one letter, by its short one, or nil.
func lookup(cmd *cobra.Command, name string) *pflag.Flag {
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.InheritedFlags()} {
		flag := flags.Lookup(name)
		if flag == nil && len(name) == 1 {
			flag = flags.ShorthandLookup(name)
		}
		if flag != nil {
			return flag
		}
	}
	return nil
}

// insteadOf has the remedies for flags of Terraform that kuke lacks.
var insteadOf = map[string]string{
	"input":            "the command asks nothing",
	"lock":             "each command that changes the state takes the lock. Use --lock-timeout to wait for it",
	"state":            "the state is the directory of --run-path",
	"force":            "use --auto-approve to apply without being asked",
	"lock-timeout":     "the command takes no lock",
	"parallelism":      "it is a flag of plan, apply and destroy",
	"yes":              "use --auto-approve to approve without being asked",
	"y":                "use --auto-approve to approve without being asked",
	"compact-warnings": "it is a flag of plan, apply and destroy",
}

// flagError returns an error about a flag as kuke words it. A command that kuke lacks comes before its flags.
func flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); len(args) > 0 && cmd.HasSubCommands() {
		return unknownCommand(cmd, args[0])
	}
	var (
		unknown *pflag.NotExistError
		value   *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown)
	case errors.As(err, &value):
		_, usage := pflag.UnquoteUsage(value.GetFlag())
		return fmt.Errorf("flag %s needs a value: %s", flagName(value.GetFlag()), usage)
	case errors.As(err, &invalid):
		return fmt.Errorf("invalid value %q for flag %s: %w", invalid.GetValue(), flagName(invalid.GetFlag()), valueError(invalid))
	}
	return err
}

func unknownFlag(cmd *cobra.Command, unknown *pflag.NotExistError) error {
	name, dashes := unknown.GetSpecifiedName(), "--"
	if unknown.GetSpecifiedShortnames() != "" {
		dashes = "-"
	}
	return fmt.Errorf("unknown flag: %s%s: %s", dashes, name, remedyForFlag(cmd, name))
}

// remedyForFlag names the flag or the command to use in place of a flag that the command lacks.
func remedyForFlag(cmd *cobra.Command, name string) string {
	asked := name != "yes" && name != "y" || lookup(cmd, "auto-approve") != nil
	if use := insteadOf[name]; use != "" && asked {
		return use
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if similar := near(name, names); len(similar) > 0 {
		return "did you mean --" + strings.Join(similar, " or --") + "?"
	}
	return cmd.CommandPath() + " --help lists the flags of the command"
}

// onlyOne refuses more than one of the boolean flags.
func onlyOne(cmd *cobra.Command, names ...string) error {
	var given []string
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f.Value.String() == "true" {
			given = append(given, flagName(f))
		}
	}
	if len(given) > 1 {
		return fmt.Errorf("%s exclude each other: use one of them", strings.Join(given, " and "))
	}
	return nil
}

func flagName(f *pflag.Flag) string { return "--" + f.Name }

// valueError returns why a value is invalid. The errors of package strconv name Go's functions.
func valueError(invalid *pflag.InvalidValueError) error {
	switch kind := invalid.GetFlag().Value.Type(); kind {
	case "int", "int64":
		return errors.New("it must be a whole number")
	case "bool":
		return errors.New("it must be true or false")
	case "duration":
		return errors.New("it must be a duration, like 30s or 5m")
	}
	return invalid.Unwrap()
}
