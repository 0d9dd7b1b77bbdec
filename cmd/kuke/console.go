package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/planner"
)

func newConsole(a *app) *cobra.Command {
	o := &planOptions{}
	cmd := &cobra.Command{
		Use:   "console [EXPRESSION]",
		Short: "Evaluate expressions of the configuration",
		Long: "console evaluates an expression, or those of its input, with the variables, locals, resources and functions\n" +
			"of the configuration. An expression ends with its line, save for brackets and heredocs that are still open.\n" +
			"Addresses are those that are recorded. It changes nothing.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.console(cmd.Context(), o, args) },
	}
	o.addInputFlags(cmd)
	return cmd
}

func (a *app) console(ctx context.Context, o *planOptions, args []string) error {
	in, err := o.input(ctx, a)
	if err != nil {
		return err
	}
	if in.Stdin != nil && len(args) == 0 {
		return errors.New("standard input can't hold both the configuration and the expressions: give one expression as the argument")
	}
	if _, prior, err := a.readState(); err == nil {
		in.Computed = planner.Computed(&planner.Plan{}, prior)
	}
	c, diags, err := a.load(ctx, in)
	if err != nil {
		return err
	}
	if err := a.report(diags); err != nil {
		return err
	}
	if len(args) == 1 {
		return a.evaluate(c, args[0])
	}
	interactive := term.IsTerminal(int(a.stdin.Fd()))
	prompt := func(text string) {
		if interactive {
			a.out.Text(text)
		}
	}
	lines := bufio.NewReader(a.stdin)
	failed := false
	text := ""
	for {
		if text == "" {
			prompt("> ")
		} else {
			prompt(": ")
		}
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the expressions: %w", err)
		}
		text += line
		if err == nil && config.Unfinished(text) {
			continue
		}
		switch text = strings.TrimSpace(text); text {
		case "exit":
			return nil
		case "":
		default:
			if err := a.evaluate(c, text); err != nil {
				a.errs.Error(err, a.sources)
				failed = true
			}
		}
		text = ""
		if err != nil {
			break
		}
	}
	if failed && !interactive {
		return exitCode(exitError)
	}
	return nil
}

func (a *app) evaluate(c *config.Configuration, text string) error {
	value, diags := c.Evaluate(text)
	if err := a.report(diags); err != nil {
		return err
	}
	a.out.Text(value + "\n")
	return nil
}
