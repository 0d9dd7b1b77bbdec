package doctor

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
)

// checkConfinement tells whether AppArmor or SELinux confines containers beyond namespaces, capabilities and seccomp.
func checkConfinement(host executor.Confinement) Check {
	const still = "; namespaces, capabilities and seccomp confine containers on every host"
	c := Check{Name: "confinement"}
	switch {
	case host.AppArmor:
		c.OK, c.Found = true, "AppArmor confines containers, with the profile "+resource.DefaultAppArmorProfile+" unless they choose another"
	case host.AppArmorEnabled:
		c.Found = "the kernel has AppArmor enabled, but without apparmor_parser no profile can be loaded: containers run unconfined"
		c.Fix = aptInstall + "apparmor; the next start of a container puts it under its profile"
	case host.SELinux:
		c.Found = "SELinux is enforcing, but kuke gives containers no SELinux label: it does not confine them" + still
	default:
		c.Found = "neither AppArmor nor SELinux is enabled in the kernel" + still
	}
	return c
}
