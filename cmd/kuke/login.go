package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kukeon/kuke/executor"
)

// loginOptions are the flags of login.
type loginOptions struct {
	username string
	stdin    bool
}

func newLogin(a *app) *cobra.Command {
	var o loginOptions
	cmd := &cobra.Command{
		Use:   "login [REGISTRY]",
		Short: "Log in to a registry of images",
		Long: "login checks a user name and a password with a registry, and stores them where docker login does: in\n" +
			"$DOCKER_CONFIG/config.json or ~/.docker/config.json, or in the credential helper that this file names. Plans and\n" +
			"pulls use them. Without an argument the registry is Docker Hub. kuke help registries tells more.",
		Example: "  sudo kuke login ghcr.io -u jo\n  sudo kuke login registry.example.com:5000 -u ci --password-stdin <token",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			registry, err := registryOf(args)
			if err != nil {
				return err
			}
			username, password, err := a.askLogin(cmd.Context(), registry, o)
			if err != nil {
				return err
			}
			place, err := executor.Login(cmd.Context(), registry, username, password)
			if err != nil {
				return fmt.Errorf("log in to %s: %w", registry, err)
			}
			a.errs.Note(fmt.Sprintf("The password is stored in %s.", place))
			a.out.Line("Login Succeeded")
			return nil
		},
	}
	cmd.Flags().StringVarP(&o.username, "username", "u", "", "`name` of the user (default: asked for on a terminal)")
	cmd.Flags().BoolVar(&o.stdin, "password-stdin", false, "password or token from standard input (default: asked for on a terminal)")
	return cmd
}

func newLogout(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "logout [REGISTRY]",
		Short: "Log out of a registry of images",
		Long: "logout removes the user name and the password of a registry from the place where login stores them. Without an\n" +
			"argument the registry is Docker Hub.",
		Example: "  sudo kuke logout ghcr.io",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			registry, err := registryOf(args)
			if err != nil {
				return err
			}
			place, removed, err := executor.Logout(cmd.Context(), registry)
			switch {
			case err != nil:
				return fmt.Errorf("log out of %s: %w", registry, err)
			case !removed:
				a.out.Line(fmt.Sprintf("Not logged in to %s: %s has no credentials for it", registry, place))
			default:
				a.out.Line(fmt.Sprintf("Removed the credentials for %s from %s", registry, place))
			}
			return nil
		},
	}
}

func registryOf(args []string) (string, error) {
	if len(args) == 0 {
		return executor.DefaultRegistry, nil
	}
	return args[0], executor.CheckRegistry(args[0])
}

// askLogin returns the user name and the password of the flags, of standard input and of the terminal.
func (a *app) askLogin(ctx context.Context, registry string, o loginOptions) (username, password string, err error) {
	interactive := term.IsTerminal(int(a.stdin.Fd()))
	ask := func(prompt string, secret bool) (string, error) {
		after := func() {}
		if secret { // the terminal does not show the line break either
			after = func() { a.errs.Text("\n") }
		}
		return a.questions.Ask(ctx, a.stdin, secret, func() { a.errs.Prompt(prompt) }, after)
	}
	if username = o.username; username == "" {
		if o.stdin || !interactive {
			return "", "", errors.New("name the user with --username")
		}
		if username, err = ask("Username for "+registry, false); err != nil {
			return "", "", err
		}
	}
	switch {
	case o.stdin:
		password, err = readPassword(a.stdin)
	case interactive:
		password, err = ask(fmt.Sprintf("Password or token of %s", username), true)
	default:
		return "", "", errors.New("standard input is no terminal: pass the password with --password-stdin")
	}
	switch {
	case err != nil:
		return "", "", err
	case username == "":
		return "", "", errors.New("the user name is empty")
	case password == "":
		return "", "", errors.New("the password is empty")
	}
	return username, password, nil
}

// readPassword reads the whole input, without the line break at its end.
func readPassword(in io.Reader) (string, error) {
	const limit = 64 << 10
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read the password from standard input: %w", err)
	case len(data) > limit:
		return "", fmt.Errorf("the password on standard input is longer than %d KiB", limit>>10)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}
