package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// aptInstall is the fix for programs that are missing. The package names are Debian's and Ubuntu's.
const aptInstall = "apt-get install "

func newDoctor(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Tell what this host has and lacks, with the fix for each",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks := append([]view.Check{checkRoot(), checkRunc()}, a.checkHost(cmd.Context())...)
			checks = append(checks, a.checkCNI(), checkForwarding(), checkOverlay(), checkConfinement(executor.HostConfinement()), checkRunPath(a.runPath))
			a.out.Checks(checks)
			for _, c := range checks {
				if c.Needed && !c.OK {
					return exitCode(exitError)
				}
			}
			return nil
		},
	}
}

func checkRoot() view.Check {
	c := view.Check{Name: "root", Needed: true, OK: os.Geteuid() == 0, Found: "running as root", Fix: "run kuke with sudo"}
	if !c.OK {
		c.Found = fmt.Sprintf("running as uid %d; namespaces and cgroups need root", os.Geteuid())
	}
	return c
}

func checkRunc() view.Check {
	c := view.Check{Name: "runc", Needed: true, Fix: aptInstall + "runc"}
	path, err := exec.LookPath("runc")
	if err != nil {
		c.Found = "no runc in PATH; containerd runs containers with it"
		return c
	}
	c.OK, c.Found = true, path
	if out, err := exec.Command(path, "--version").Output(); err == nil {
		line, _, _ := strings.Cut(string(out), "\n")
		c.Found = line + ", " + path
	}
	return c
}

// checkHost looks at containerd and the cgroups the way plan and apply will.
func (a *app) checkHost(ctx context.Context) []view.Check {
	containerd := view.Check{Name: "containerd", Needed: true, Fix: aptInstall + "containerd, and start it: systemctl start containerd; or try kuke in kuke lab"}
	cgroups := view.Check{Name: "cgroups", Needed: true, Fix: "mount cgroup v2 at " + a.cgroupRoot + ", or name the mount with --cgroup-root"}
	exec, err := a.open(ctx, state.NewStore(a.runPath))
	if err != nil {
		containerd.Found = err.Error()
		return []view.Check{containerd}
	}
	defer exec.Close()
	actual, err := exec.Refresh(ctx, nil, &state.State{})
	if err != nil {
		containerd.Found = err.Error()
		return []view.Check{containerd}
	}
	containerd.OK, containerd.Found = true, actual.Version+", "+a.containerd
	cgroups.OK, cgroups.Found = true, fmt.Sprintf("%s, %s", actual.CgroupMode, a.cgroupRoot)
	return []view.Check{containerd, cgroups, checkLimits(actual)}
}

func checkLimits(actual *planner.Actual) view.Check {
	c := view.Check{Name: "limits", Fix: "enable the controllers at boot, for memory: cgroup_enable=memory, for swap: swapaccount=1; in a container, move the processes in the root of its cgroups into one below; a configuration that sets such a limit is refused until then"}
	var have, lack []string
	for _, name := range []string{"memory", "swap", "cpu", "pids", "io"} {
		if actual.Controllers[name] {
			have = append(have, name)
		} else {
			lack = append(lack, name)
		}
	}
	c.OK = len(lack) == 0
	c.Found = "can be set: " + orNone(have)
	if !c.OK {
		c.Found += "; can't be set: " + orNone(lack)
	}
	return c
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// checkCNI looks for what the networks of spaces, and published ports, are made with.
func (a *app) checkCNI() view.Check {
	c := view.Check{Name: "cni", Needed: true, Fix: aptInstall + "containernetworking-plugins iptables, or name the directory of the plugins with --cni-bin-dir"}
	if missing := executor.MissingPlugins(a.cniBinDirs); len(missing) > 0 {
		c.Found = "missing: " + strings.Join(missing, ", ") + "; looked in " + strings.Join(a.cniBinDirs, ", ")
		return c
	}
	c.OK, c.Found = true, "plugins and iptables are there"
	return c
}

// checkForwarding tells of other firewalls that drop what goes from or to cells.
func checkForwarding() view.Check {
	c := view.Check{Name: "forwarding", Fix: "let packets from and to interfaces kuke-* pass in that chain"}
	dropping, err := executor.DroppingChains()
	switch {
	case err != nil:
		c.Found = err.Error()
	case len(dropping) > 0:
		c.Found = "forwarded packets are dropped unless allowed by " + strings.Join(dropping, ", ")
	default:
		c.OK, c.Found = true, "no other firewall drops forwarded packets by default"
	}
	return c
}

func checkOverlay() view.Check {
	c := view.Check{Name: "overlayfs", Needed: true, Fix: "modprobe overlay"}
	data, err := os.ReadFile("/proc/filesystems")
	switch {
	case err != nil:
		c.Found = err.Error()
	case !strings.Contains(string(data), "\toverlay\n"):
		c.Found = "the kernel has not loaded overlay; containerd keeps images with it"
	default:
		c.OK, c.Found = true, "the kernel has it"
	}
	return c
}

func checkRunPath(dir string) view.Check {
	c := view.Check{Name: "state", Needed: true, Fix: "choose another directory with --run-path, or mend this one's permissions"}
	_, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.OK, c.Found = true, dir+" is made by the first apply"
	case err != nil:
		c.Found = err.Error()
	default:
		_, warnings, err := state.NewStore(dir).Read()
		c.OK, c.Found = err == nil && len(warnings) == 0, dir
		if err != nil {
			c.Found, c.Fix = err.Error(), "see there"
		} else if len(warnings) > 0 {
			c.Found, c.Fix = warnings.Error(), "the next apply writes it anew"
		}
	}
	return c
}
