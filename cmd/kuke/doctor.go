package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/program"
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
			checks := a.checkHost(cmd.Context())
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

// checkHost looks at the host, one thing at a time: no check needs another to succeed.
func (a *app) checkHost(ctx context.Context) []view.Check {
	return slices.Concat(
		one(checkRoot()),
		one(checkRunc()),
		a.checkContainerd(ctx),
		a.checkCgroups(),
		one(a.checkCNI()),
		one(a.checkIptables()),
		one(checkForwarding()),
		one(checkOverlay()),
		one(checkConfinement(executor.HostConfinement())),
		one(checkRunPath(a.runPath)),
		a.checkResources(ctx),
	)
}

func one(c view.Check) []view.Check { return []view.Check{c} }

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
	if out, err := program.Command(context.Background(), path, "--version").Output(); err == nil {
		line, _, _ := strings.Cut(string(out), "\n")
		c.Found = line + ", " + path
	}
	return c
}

// checkContainerd asks containerd, and where it answers, looks for its restart monitor.
func (a *app) checkContainerd(ctx context.Context) []view.Check {
	c := view.Check{Name: "containerd", Needed: true, Fix: "look at systemctl status containerd and journalctl -u containerd"}
	config, err := a.session.HostConfig()
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
	c.OK, c.Found = true, daemon.Version+", "+a.containerd
	return []view.Check{c, checkRestarts(daemon)}
}

// checkRestarts tells whether somebody follows the restart policies of containers.
func checkRestarts(daemon executor.Daemon) view.Check {
	c := view.Check{
		Name: "restarts", OK: len(daemon.RestartPolicies) > 0, Found: "containerd's restart monitor follows: " + strings.Join(daemon.RestartPolicies, ", "),
		Fix: "take the plugin \"restart\" out of disabled_plugins in containerd's configuration, /etc/containerd/config.toml, and restart it: systemctl restart containerd",
	}
	if !c.OK {
		c.Found = "containerd runs no restart monitor; it restarts no container, whatever its restart policy"
	}
	return c
}

// checkCgroups looks for the cgroup file system, and where there is one, for the limits that it enforces.
func (a *app) checkCgroups() []view.Check {
	c := view.Check{Name: "cgroups", Needed: true, Fix: "mount cgroup v2 at " + a.cgroupRoot + ", or name the mount with --cgroup-root"}
	found, err := executor.LookAtCgroups(a.cgroupRoot)
	if err != nil {
		c.Found = err.Error()
		return one(c)
	}
	c.OK, c.Found = true, fmt.Sprintf("%s, %s", found.Mode, a.cgroupRoot)
	return []view.Check{c, checkLimits(a.cgroupRoot, found)}
}

func checkLimits(root string, found executor.Cgroups) view.Check {
	c := view.Check{Name: "limits"}
	var have, lack []string
	for _, name := range []string{"memory", "swap", "cpu", "pids", "io"} {
		if found.Controllers[name] {
			have = append(have, name)
		} else {
			lack = append(lack, name)
		}
	}
	c.OK = len(lack) == 0
	c.Found = "can be set: " + orNone(have)
	if !c.OK {
		c.Found += "; can't be set: " + orNone(lack)
		c.Fix = limitsFix(root, found, lack) + "; a configuration that sets such a limit is refused until then"
	}
	return c
}

// limitsFix says how to get the controllers that lack, by the reason why each does.
func limitsFix(root string, found executor.Cgroups, lack []string) string {
	var fixes []string
	// Swap comes with the controller of memory, where the kernel accounts for it at all.
	lack = slices.DeleteFunc(slices.Clone(lack), func(name string) bool { return name == "swap" })
	if found.Controllers["memory"] && !found.Controllers["swap"] {
		fixes = append(fixes, "account for swap at boot with swapaccount=1 on the kernel's command line")
	}
	absent := slices.DeleteFunc(slices.Clone(lack), func(name string) bool { return slices.Contains(found.Withheld, name) })
	if len(absent) < len(lack) {
		fixes = append(fixes, "move the processes in the cgroup "+root+" into one below it, since they keep it from passing controllers on")
	}
	if len(absent) > 0 && found.Nested {
		fixes = append(fixes, "have the cgroup above "+root+" pass on: "+strings.Join(absent, ", ")+", as with Delegate=yes in a unit of systemd")
		absent = nil
	}
	if slices.Contains(absent, "memory") {
		fixes = append(fixes, "enable memory at boot with cgroup_enable=memory on the kernel's command line")
	}
	if slices.Contains(absent, "io") {
		fixes = append(fixes, "for io load an I/O scheduler that knows weights: modprobe bfq")
	}
	rest := slices.DeleteFunc(absent, func(name string) bool { return name == "memory" || name == "io" })
	if len(rest) > 0 {
		fixes = append(fixes, "use a kernel with, and mount in the same version as the others, the controllers "+strings.Join(rest, ", "))
	}
	return strings.Join(fixes, "; ")
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// iptables is the one of the programs that networks need that is no CNI plugin.
const iptables = "iptables"

// checkCNI looks for the plugins that make the networks of spaces.
func (a *app) checkCNI() view.Check {
	c := view.Check{Name: "cni", Needed: true, Fix: aptInstall + "containernetworking-plugins, or name the directory of the plugins with --cni-bin-dir"}
	missing := slices.DeleteFunc(executor.MissingPlugins(a.cniBinDirs), func(name string) bool { return name == iptables })
	if len(missing) > 0 {
		c.Found = "missing: " + strings.Join(missing, ", ") + "; looked in " + strings.Join(a.cniBinDirs, ", ")
		return c
	}
	c.OK, c.Found = true, "the plugins are there"
	return c
}

// checkIptables looks for what the ports of cells are published with.
func (a *app) checkIptables() view.Check {
	c := view.Check{Name: iptables, Needed: true, Fix: aptInstall + iptables}
	c.OK, c.Found = !slices.Contains(executor.MissingPlugins(a.cniBinDirs), iptables), "it is there"
	if !c.OK {
		c.Found = "no iptables in PATH; the ports of cells are published with it"
	}
	return c
}

// checkForwarding tells of other firewalls that drop packets from or to cells.
func checkForwarding() view.Check {
	c := view.Check{Name: "forwarding"}
	dropping, err := executor.DroppingChains()
	if err != nil {
		c.Found, c.Fix = err.Error(), "run kuke with sudo, on a kernel with nftables"
		return c
	}
	if len(dropping) == 0 {
		c.OK, c.Found = true, "no firewall drops the packets of cells"
		return c
	}
	var names, fixes []string
	for _, d := range dropping {
		names, fixes = append(names, d.Chain), append(fixes, d.Fix)
		if d.Ours {
			fixes[len(fixes)-1] += " (kuke apply adds rules for the spaces that it makes)"
		}
	}
	c.Found, c.Fix = "packets of cells are dropped by "+strings.Join(names, ", "), strings.Join(fixes, "; ")
	return c
}

func checkOverlay() view.Check {
	c := view.Check{Name: "overlayfs", Needed: true, Fix: "use a kernel with overlay: containerd keeps images with it"}
	data, err := os.ReadFile("/proc/filesystems")
	switch {
	case err != nil:
		c.Found, c.Fix = err.Error(), "mount proc at /proc"
	case strings.Contains(string(data), "\toverlay\n"):
		c.OK, c.Found = true, "the kernel has it"
	case hasModule("overlay"):
		// The first containerd after a boot makes the kernel load it.
		c.OK, c.Found = true, "the kernel loads it when it is needed"
	default:
		c.Found = "the kernel has neither overlay nor a module for it"
	}
	return c
}

// hasModule reports whether the kernel that runs has a module of that name to load.
func hasModule(name string) bool {
	var host unix.Utsname
	if err := unix.Uname(&host); err != nil {
		return false
	}
	list, err := os.ReadFile(filepath.Join("/lib/modules", unix.ByteSliceToString(host.Release[:]), "modules.dep"))
	return err == nil && strings.Contains("\n"+string(list), "/"+name+".ko")
}

func checkRunPath(dir string) view.Check {
	c := view.Check{Name: "state", Needed: true, Fix: "choose another directory with --run-path, or repair the permissions of this one"}
	_, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.OK, c.Found = true, dir+" is made by the first apply"
	case err != nil:
		c.Found = err.Error()
	default:
		st, err := state.NewStore(dir).Read()
		switch {
		case err != nil:
			c.Found, c.Fix = err.Error(), "repair the file that is named, or restore it from a backup"
		case len(st.Unreadable) > 0:
			c.Found, c.Fix = st.Warnings().Error(), "the next apply repairs it"
		case len(planner.Lost(st)) > 0:
			c.Found, c.Fix = fmt.Sprintf("no record of %s is there, but of what is in it", planner.Lost(st)[0]), "the next apply repairs it"
		default:
			c.OK, c.Found = true, dir
		}
	}
	return c
}
