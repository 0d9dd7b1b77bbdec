package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// showUsage makes the errors about the number of arguments name the missing ones and the usage.
func showUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			switch {
			case err == nil:
				return nil
			case cmd.HasSubCommands() && len(args) > 0:
				return unknownCommand(cmd, args[0])
			}
			return argumentError(cmd, args)
		}
	}
	for _, below := range cmd.Commands() {
		showUsage(below)
	}
}

// unknownCommand says that cmd has no command of that name, and which one to use.
func unknownCommand(cmd *cobra.Command, name string) error {
	var words []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			words = append(words, c.Name())
		}
	}
	if use := insteadOfCommand[strings.TrimPrefix(cmd.CommandPath()+" "+name, "kuke ")]; use != "" {
		return fmt.Errorf("there is no command %s %s: %s", cmd.CommandPath(), name, use)
	}
	if similar := near(name, words); len(similar) > 0 {
		return fmt.Errorf("there is no command %s %s: did you mean %s?", cmd.CommandPath(), name, strings.Join(similar, " or "))
	}
	return fmt.Errorf("there is no command %s %s: %s --help lists the commands", cmd.CommandPath(), name, cmd.CommandPath())
}

// argumentError says which arguments of a command are missing, or that there is one too many, and how the command is written.
func argumentError(cmd *cobra.Command, args []string) error {
	line, _, _ := strings.Cut(cmd.Use, " | ") // the first of several forms
	names := strings.Fields(line)[1:]
	var missing []string
	for i, name := range names {
		if i >= len(args) && !strings.HasPrefix(name, "[") {
			missing = append(missing, strings.TrimSuffix(name, "..."))
		}
	}
	problem := ""
	switch {
	case len(missing) == 1:
		problem = "missing argument " + missing[0]
	case len(missing) > 1:
		problem = "missing arguments " + strings.Join(missing, " and ")
	case len(args) > len(names):
		problem = fmt.Sprintf("unexpected argument %q", args[len(names)])
	default:
		problem = "wrong number of arguments"
	}
	return fmt.Errorf("%s. Usage: %s", problem, usageLine(cmd))
}

// insteadOfCommand says which command to use in place of those of Terraform and Docker.
var insteadOfCommand = map[string]string{
	"init":         "kuke needs no initialization. Run kuke plan",
	"refresh":      "run kuke apply --refresh-only to record changes from outside, or kuke plan to see them",
	"taint":        "run kuke apply --replace PATH to replace a container",
	"untaint":      "nothing is marked for replacement. Run kuke plan",
	"workspace":    "use projects (--project, or a kuke block) or another state directory (--run-path)",
	"providers":    "kuke has no providers",
	"force-unlock": "the lock ends with the process that holds it. Use --lock-timeout to wait for it",
	"login":        "kuke has no remote backend",
	"test":         "run kuke lab -- kuke apply --auto-approve to try a configuration in a disposable host",
	"up":           "run kuke apply",
	"down":         "run kuke destroy, or kuke shutdown to stop the containers until the next apply",
	"ps":           "run kuke get containers",
	"ls":           "run kuke get, or kuke state list",
	"inspect":      "run kuke get KIND PATH -o yaml, or kuke state show PATH",
	"run":          "declare a container and run kuke apply, or run kuke create container NAME",
	"rm":           "run kuke delete KIND NAME, or kuke destroy to destroy all resources of the project",
	"images":       "run kuke image list",
	"rmi":          "run kuke image remove IMAGE",
	"load":         "run kuke image import FILE",
	"pull":         "run kuke image pull REF. apply pulls missing images by itself; use pull_policy = \"always\" to ask the registry at each plan",
	"push":         "run kuke image push REF",
	"tag":          "run kuke image tag SOURCE NAME",
	"save":         "run kuke image save --output FILE REF",
	"prune":        "run kuke image prune to remove images that no container needs, or kuke destroy",
	"build":        "build images with another tool, and import them with kuke image import FILE",
	"stats":        "run kuke top",
	"rename":       "run kuke state mv FROM TO, or write a moved block",
	"container":    "run kuke get containers, or kuke create, start, stop or delete container NAME",
	"network":      "a space is a network. Run kuke get spaces",
	"image build":  "build images with another tool, and import them with kuke image import FILE",
	"image load":   "run kuke image import FILE",
	"image export": "run kuke image save --output FILE REF",
	"image get":    "run kuke image inspect REF",
	"image show":   "run kuke image inspect REF",
}
