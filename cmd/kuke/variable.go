package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/kukeon/kuke/config"
)

// variableFlags are --var and --var-file, whose order counts among each other.
type variableFlags struct {
	assignments  []config.Assignment
	outsideFiles bool
}

func (v *variableFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var(&assignmentFlag{v, false}, "var", "set a variable, NAME=VALUE; repeatable")
	f.Var(&assignmentFlag{v, true}, "var-file", "file with values for variables; repeatable")
	f.BoolVar(&v.outsideFiles, "allow-outside-files", false, "read files outside of the configuration's directory: by links, as modules and by functions such as file()")
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
			return errors.New("it names no file")
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

// askVariables returns what asks for each variable once, however often the configuration is read.
func (a *app) askVariables(ctx context.Context) func(name, description string, sensitive bool) (string, error) {
	answers := map[string]string{}
	return func(name, description string, sensitive bool) (string, error) {
		if answer, ok := answers[name]; ok {
			return answer, nil
		}
		answer, err := a.ask(ctx, sensitive, func() { a.errs.AskVariable(name, description) })
		if err == nil {
			answers[name] = answer
		}
		return answer, err
	}
}

// ask reads a line from the terminal, which shows nothing of a secret, however soon after the prompt it is typed.
func (a *app) ask(ctx context.Context, secret bool, prompt func()) (string, error) {
	// Who ends the process waits until the terminal is as it was, and for nothing to be asked any more.
	a.asking.Lock()
	defer a.asking.Unlock()
	if ctx.Err() != nil {
		return "", errNotEntered
	}
	fd := int(a.stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read from the terminal: %w", err)
	}
	defer func() { _ = term.Restore(fd, before) }()
	if secret {
		if err := hideInput(fd); err != nil {
			return "", fmt.Errorf("read from the terminal: %w", err)
		}
	}
	prompt()
	defer a.errs.Text("\n")
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); !secret {
			line = strings.TrimSpace(line)
		}
		answered <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", errNotEntered
	case got := <-answered:
		if got.err != nil {
			return "", errors.New("nothing was entered")
		}
		return got.line, nil
	}
}

var errNotEntered = errors.New("interrupted before a value was entered")

// hideInput has the terminal not show what is typed.
func hideInput(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Lflag &^= unix.ECHO
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}
