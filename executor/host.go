package executor

import (
	"os"
	"strings"

	"github.com/kukeon/kuke/executor/internal/apparmor"
	"github.com/kukeon/kuke/executor/internal/network"
)

// MissingPlugins names what networks and published ports are made with and what is in none of the directories, nor in
// PATH.
func MissingPlugins(dirs []string) []string {
	return network.New(network.Config{PluginDirs: dirs}).MissingPlugins(true)
}

// DroppingChains names the chains of other firewalls that drop forwarded packets by default, which cuts cells off.
func DroppingChains() ([]string, error) { return network.DroppingChains() }

// Confinement tells which of the kernel's security modules confines containers.
type Confinement struct {
	// AppArmor says that containers get an AppArmor profile; AppArmorEnabled only that the kernel has it enabled.
	AppArmor, AppArmorEnabled bool
	// SELinux says that SELinux is enforcing. Containers get no label of their own.
	SELinux bool
}

// HostConfinement looks at the security modules of this host.
func HostConfinement() Confinement {
	enforcing, err := os.ReadFile("/sys/fs/selinux/enforce")
	return Confinement{
		AppArmor: apparmor.Enforced(), AppArmorEnabled: apparmor.Enabled(),
		SELinux: err == nil && strings.TrimSpace(string(enforcing)) == "1",
	}
}
