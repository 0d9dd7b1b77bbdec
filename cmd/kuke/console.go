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

	"github.com/kukeon/kuke/cmd/kuke/tty"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/planner/plan"
)

func newConsole(a *app) *cobra.Command {
	o := &planOptions{}
	cmd := &cobra.Command{
		Use:   "console [EXPRESSION]",
		Short: "Evaluate expressions of the configuration",
		Long: "console evaluates an expression, or the expressions of its input, with the variables, local values, resources and\n" +
			"functions of the configuration. An expression ends with its line, unless a bracket or heredoc is open. Addresses\n" +
			"are the recorded ones. console changes nothing.",
		Example: "  kuke console 'cell.web.address'\n  echo 'upper(var.name)' | kuke console -f main.hcl",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.console(cmd.Context(), o, args) },
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
	if _, prior, err := a.session.State(); err == nil {
		in.Computed = plan.Computed(&plan.Plan{}, prior)
	}
	c, diags, err := a.session.Load(ctx, in)
	if err != nil {
		return err
	}
	if err := a.session.Report(diags); err != nil {
		return err
	}
	if len(args) == 1 {
		return a.evaluate(c, args[0])
	}
	return a.evaluateInput(ctx, c)
}

// evaluateInput evaluates the expressions of standard input, until it ends or one says exit.
func (a *app) evaluateInput(ctx context.Context, c *config.Configuration) error {
	interactive := term.IsTerminal(int(a.stdin.Fd()))
	prompt := func(text string) {
		if interactive {
			a.out.Text(text)
		}
	}
	lines := bufio.NewReader(a.stdin)
	failed := false
	for ended := false; !ended; {
		text, err := readExpression(ctx, lines, prompt)
		switch ended = errors.Is(err, io.EOF); {
		case ctx.Err() != nil:
			return exitCode(exitInterrupted)
		case err != nil && !ended:
			return fmt.Errorf("read the expressions: %w", err)
		}
		switch text = strings.TrimSpace(text); text {
		case "exit":
			return nil
		case "":
			continue
		}
		if err := a.evaluate(c, text); err != nil {
			a.errs.Error(err, a.session.Sources)
			failed = true
		}
	}
	if failed && !interactive {
		return exitCode(exitError)
	}
	return nil
}

// readExpression reads the lines of one expression. At the end of the input it returns the unfinished expression and io.EOF.
func readExpression(ctx context.Context, in *bufio.Reader, prompt func(string)) (string, error) {
	var text strings.Builder
	open := ""
	prompt("> ")
	for {
		line, err := tty.ReadLine(ctx, in, config.MaxExpression-text.Len())
		if errors.Is(err, tty.ErrTooLong) {
			err = fmt.Errorf("an expression is longer than %d MiB", config.MaxExpression>>20)
		}
		text.WriteString(line)
		if err != nil {
			prompt("\n")
			return text.String(), err
		}
		if open = config.Unfinished(open, line); open == "" {
			return text.String(), nil
		}
		prompt(": ")
	}
}

func (a *app) evaluate(c *config.Configuration, text string) error {
	value, diags := c.Evaluate(text)
	if err := a.session.Report(diags); err != nil {
		return err
	}
	a.out.Text(value + "\n")
	return nil
}
