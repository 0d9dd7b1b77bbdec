package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/config"
)

// variableFlags are --var and --var-file, whose order counts among each other.
type variableFlags struct {
	assignments  []config.Assignment
	outsideFiles bool
}

func (v *variableFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(&assignmentFlag{v, false}, "var", "value of a variable, `NAME=VALUE`; repeatable")
	f.Var(&assignmentFlag{v, true}, "var-file", "`file` with values of variables; repeatable")
	f.BoolVar(&v.outsideFiles, "allow-outside-files", false, "files outside of the directory of the configuration: by links, as modules and in functions like file()")
}

// assignmentFlag is one of the two flags.
type assignmentFlag struct {
	of   *variableFlags
	file bool
}

var _ pflag.Value = (*assignmentFlag)(nil)

func (f *assignmentFlag) String() string { return "" }

func (f *assignmentFlag) Type() string {
	if f.file {
		return "file"
	}
	return "name=value"
}

func (f *assignmentFlag) Set(s string) error {
	if f.file {
		if s == "" {
			return errors.New("the name of the file is empty")
		}
		f.of.assignments = append(f.of.assignments, config.Assignment{File: s})
		return nil
	}
	name, text, ok := strings.Cut(s, "=")
	if name = strings.TrimSpace(name); !ok || name == "" {
		return fmt.Errorf("%q is not of the form NAME=VALUE", name)
	}
	f.of.assignments = append(f.of.assignments, config.Assignment{Name: name, Text: text})
	return nil
}

// askVariables returns a function that asks for each variable once, however often the configuration is read.
func (a *app) askVariables(ctx context.Context) func(name, description string, sensitive bool) (string, error) {
	answers := map[string]string{}
	if a.caller != nil {
		maps.Copy(answers, a.caller.Answers)
	}
	return func(name, description string, sensitive bool) (string, error) {
		if answer, ok := answers[name]; ok {
			return answer, nil
		}
		answer, err := a.questions.Ask(ctx, a.stdin, sensitive, func() { a.errs.AskVariable(name, description) }, func() { a.errs.Text("\n") })
		if err == nil {
			answers[name] = answer
		}
		return answer, err
	}
}
