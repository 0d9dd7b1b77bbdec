package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/executor/lab"
)

func newLab(a *app) *cobra.Command {
	var o lab.Options
	var mode string
	cmd := &cobra.Command{
		Use:   "lab [-- COMMAND [ARG...]]",
		Short: "Run a shell or a command in a disposable host",
		Long: "lab starts a disposable host inside this one, with its own mounts, network, processes, cgroups and containerd, and\n" +
			"an empty state in /opt/kukeon. It runs COMMAND or a shell there, and exits with its status. Files outside of /etc,\n" +
			"/opt, /run, /var/lib and /var/log are those of this host, and changes to them stay.",
		Example: "  kuke lab\n  kuke lab -- kuke apply --auto-approve -f main.hcl",
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Command, o.Cgroup = args, lab.CgroupMode(mode)
			o.Stdin, o.Stdout, o.Stderr = a.stdin, a.stdout, a.stderr
			// Signals are the command's to answer: the lab passes them on and ends with it.
			a.interrupts.stop()
			code, err := lab.Run(context.WithoutCancel(cmd.Context()), o)
			if err != nil {
				return err
			}
			if code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&mode, "cgroup", string(lab.Unified), "cgroup `version`: v2, or hybrid (v1 controllers beside v2, if the host has them)")
	// Not KUKE_CONTAINERD and --containerd, which name the socket.
	cmd.Flags().StringVar(&o.Containerd, "containerd-binary", "", "`program` of containerd (default: the one in PATH)")
	return cmd
}
