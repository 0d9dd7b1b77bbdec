package executor

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/kukeon/kuke/executor/internal/apparmor"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/network"
)

// Daemon describes a containerd.
type Daemon struct {
	Version string
	// RestartPolicies are the policies that its restart monitor follows; none where it runs no monitor.
	RestartPolicies []string
}

// AskContainerd returns the description of containerd, without a look at the rest of the host. See [Connect] for its error.
func AskContainerd(ctx context.Context, c Config) (d Daemon, err error) {
	client, err := dial(ctx, c)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	if d.Version, err = client.Version(ctx); err != nil {
		return d, err
	}
	d.RestartPolicies, err = monitor.Policies(ctx, client)
	return d, err
}

// Cgroups describes the cgroup file system of a host.
type Cgroups struct {
	// Mode is v1 or v2.
	Mode string
	// Controllers tells of memory, cpu, cpuset, pids and io whether the host can enforce their limits.
	Controllers map[string]bool
	// Withheld are the existing controllers that processes in the root keep from the cgroups below it.
	Withheld []string
	// Nested says that the root is itself below another cgroup, as in a container, which has to delegate controllers.
	Nested bool
}

// LookAtCgroups describes the cgroup file system that is mounted at root, or directly below it, and changes nothing.
func LookAtCgroups(root string) (Cgroups, error) {
	tree, err := cgroup.Open(root)
	if err != nil {
		return Cgroups{}, err
	}
	return Cgroups{Mode: tree.Mode(), Controllers: tree.Controllers(), Withheld: tree.Withheld(), Nested: tree.Nested()}, nil
}

// MissingPlugins returns the names of the programs for networks and published ports that are neither in the directories nor
// in PATH.
func MissingPlugins(dirs []string) []string {
	return network.New(network.Config{PluginDirs: dirs}).MissingPlugins(true, false)
}

// DroppingChains returns the chains of other firewalls that drop the packets of cells, for any name of a bridge.
func DroppingChains() ([]network.Dropping, error) {
	return network.DroppingChains([]string{network.BridgePrefix}, nil)
}

// Confinement tells which security modules of the kernel confine containers.
type Confinement struct {
	// AppArmor says that containers get an AppArmor profile; AppArmorEnabled only that the kernel has it enabled.
	AppArmor, AppArmorEnabled bool
	// SELinux says that SELinux is enforcing. Containers get no label of their own.
	SELinux bool
}

// HostConfinement reads the security modules of this host.
func HostConfinement() Confinement {
	enforcing, err := os.ReadFile("/sys/fs/selinux/enforce")
	return Confinement{
		AppArmor: apparmor.Enforced(), AppArmorEnabled: apparmor.Enabled(),
		SELinux: err == nil && strings.TrimSpace(string(enforcing)) == "1",
	}
}
