package doctor

import (
	"context"
	"errors"
	"os/exec"
	"strings"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/program"
)

func checkRunc() Check {
	c := Check{Name: "runc", Needed: true, Fix: aptInstall + "runc"}
	path, err := exec.LookPath("runc")
	if err != nil {
		c.Found = "no runc in PATH; containerd runs containers with it"
		return c
	}
	c.OK, c.Found = true, path
	if out, err := program.Command(context.Background(), path, "--version").Output(); err == nil {
		line, _, _ := strings.Cut(string(out), "\n")
		c.Found = line + ", " + path
	}
	return c
}

// checkContainerd asks containerd, and where it answers, looks for its restart monitor.
func checkContainerd(ctx context.Context, s *session.Session) []Check {
	c := Check{Name: "containerd", Needed: true, Fix: "look at systemctl status containerd and journalctl -u containerd"}
	config, err := s.HostConfig()
	if err != nil {
		c.Found = err.Error()
		return one(c)
	}
	daemon, err := executor.AskContainerd(ctx, config)
	if err != nil {
		c.Found = err.Error()
		if connect := (*executor.ConnectError)(nil); errors.As(err, &connect) {
			c.Found = connect.Address + ": " + connect.Found()
			if fix := connect.Fix(); fix != "" {
				c.Fix = strings.ToLower(fix[:1]) + fix[1:]
			}
		}
		return one(c)
	}
	c.OK, c.Found = true, daemon.Version+", "+s.Containerd
	return []Check{c, checkRestarts(daemon)}
}

// checkRestarts tells whether somebody follows the restart policies of containers.
func checkRestarts(daemon executor.Daemon) Check {
	c := Check{
		Name: "restarts", OK: len(daemon.RestartPolicies) > 0, Found: "containerd can carry out these restart policies: " + strings.Join(daemon.RestartPolicies, ", "),
		Fix: "take the plugin \"restart\" out of disabled_plugins in containerd's configuration, /etc/containerd/config.toml, and restart it: systemctl restart containerd",
	}
	if !c.OK {
		c.Found = "containerd runs no restart monitor; it restarts no container, whatever its restart policy"
	}
	return c
}
