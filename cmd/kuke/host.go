package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/cmd/kuke/remote"
	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/state/durable"
)

// onlyHere are the commands that never run on another host: they work on files of this machine, or on its services.
var onlyHere = []string{"fmt", "validate", "convert", "console", "explain", "graph", "schema", "lab", "service", "version", "completion", "man", "help"}

// divert has the commands below cmd run on another host where the user names one. On that host it gives them the files of the
// caller.
func (a *app) divert(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		a.divert(below)
	}
	run := cmd.RunE
	if run == nil || cmd.HasSubCommands() {
		return
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if a.caller != nil {
			args, err := a.callersPaths(cmd, args)
			if err != nil {
				return err
			}
			return run(cmd, args)
		}
		host, err := a.chosenHost(cmd, args)
		switch {
		case err != nil:
			return err
		case host == nil:
			return run(cmd, args)
		}
		return a.runOn(cmd.Context(), host, cmd, args)
	}
}

// chosenHost returns the host that the command is to run on, nil for this one.
func (a *app) chosenHost(cmd *cobra.Command, args []string) (*remote.Host, error) {
	given := a.given(cmd, []string{"host", "install"})
	top := cmd
	for top.Parent().HasParent() {
		top = top.Parent()
	}
	if slices.Contains(onlyHere, top.Name()) || cmd.CommandPath() == "kuke show" && len(args) > 0 {
		if len(given) > 0 {
			return nil, fmt.Errorf("kuke %s works on this machine: leave out %s", cmd.Name(), strings.Join(given, " and "))
		}
		return nil, nil
	}
	host, err := a.namedHost(cmd)
	switch {
	case err != nil:
		return nil, err
	case host == nil && slices.Contains(given, "--install"):
		return nil, fmt.Errorf("--install copies kuke to another host: name it with --host")
	case host != nil && len(a.relative) > 0:
		return nil, fmt.Errorf("%s is a relative path, but that of %s is needed: write an absolute path", strings.Join(a.relative, " and "), host)
	}
	return host, nil
}

// namedHost returns the host of --host, of KUKE_HOST or of the kuke block.
func (a *app) namedHost(cmd *cobra.Command) (*remote.Host, error) {
	if a.host != "" {
		host, err := resource.ParseHost(a.host)
		if err != nil {
			return nil, fmt.Errorf("--host: %w", err)
		}
		return host, nil
	}
	in, err := a.settingsInput(cmd)
	if err != nil {
		return nil, err
	}
	p, diags, err := a.session.ProjectOf(in)
	switch {
	case err != nil:
		return nil, err
	case diags.HasErrors():
		// A command without a configuration goes on, unless the files may name a host.
		for _, text := range a.session.Sources {
			if bytes.Contains(text, []byte("ssh://")) {
				return nil, diags
			}
		}
		return nil, nil
	case p.Host == "":
		return nil, nil
	}
	host, err := resource.ParseHost(p.Host)
	if err == nil && host != nil {
		a.errs.Note(fmt.Sprintf("This runs on %s, the host of the kuke block at %s.", host, p.HostAt))
	}
	return host, err
}

// settingsInput returns the input that holds the settings of the configuration which the command names, or else of that in the
// current directory.
func (a *app) settingsInput(cmd *cobra.Command) (config.Input, error) {
	if o := configurationOf(cmd); o != nil {
		return o.input(cmd.Context(), a)
	}
	return config.Input{}, nil
}

// configurationOf returns the flags of the command that name a configuration, nil where it has none.
func configurationOf(cmd *cobra.Command) *planOptions {
	files, variables := cmd.Flags().Lookup("file"), cmd.Flags().Lookup("var")
	if files == nil || variables == nil {
		return nil
	}
	input := cmd.Flags().Lookup("input")
	return &planOptions{
		files: files.Value.(pflag.SliceValue).GetSlice(), variables: *variables.Value.(*assignmentFlag).of,
		silent: input != nil && input.Value.String() == "false", json: streams(cmd),
	}
}

// readInput reads standard input as a configuration, once.
func (a *app) readInput() ([]byte, error) {
	if a.input != nil {
		return a.input, nil
	}
	data, err := config.ReadInput(a.stdin)
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	a.input = append([]byte{}, data...)
	return a.input, nil
}

// runOn runs the command on the host.
func (a *app) runOn(ctx context.Context, host *remote.Host, cmd *cobra.Command, args []string) error {
	request, stdin, err := a.request(ctx, cmd, args)
	if err != nil {
		return err
	}
	if closer, ok := stdin.(io.Closer); ok {
		defer closer.Close()
	}
	// Once the command runs, signals are its own to answer, and the connection lasts.
	dialing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	connected := context.AfterFunc(ctx, cancel)
	options := remote.Options{Version: version, Install: a.install, Stderr: a.stderr, Note: a.errs.Note}
	connection, err := remote.Dial(dialing, host, options)
	if !connected() {
		return session.ErrInterrupted
	}
	if err != nil {
		return err
	}
	a.interrupts.stop()
	streams := remote.Streams{Stdin: stdin, Stdout: a.stdout, Stderr: a.stderr}
	if request.Terminal.In && stdin != nil {
		streams.Keyboard = a.stdin
	}
	result, err := connection.Run(request, streams)
	if err != nil {
		return err
	}
	for path, data := range result.Files {
		const private = 0o600
		if err := durable.WriteFile(path, data, private); err != nil {
			return err
		}
	}
	if result.Code != 0 {
		return exitCode(result.Code)
	}
	return nil
}

// relativePaths returns the flags that name a place of the host by a relative path.
func (a *app) relativePaths(cmd *cobra.Command) []string {
	var relative []string
	for _, name := range []string{"run-path", "cgroup-root", "cni-conf-dir", "containerd"} {
		if f := cmd.Flags().Lookup(name); f.Changed && !filepath.IsAbs(f.Value.String()) {
			relative = append(relative, flagName(f))
		}
	}
	return relative
}

// sessionCaller returns the caller as the use cases know it.
func (a *app) sessionCaller() *session.Caller {
	c := a.caller
	if c == nil {
		return nil
	}
	caller := &session.Caller{Host: c.Host, User: c.User, Home: c.Home, Within: c.Within}
	if c.Secrets != nil {
		caller.Secrets = executor.SecretSources{Dir: c.Dir, Root: c.Root, Variables: c.Secrets}
	}
	return caller
}
