package doctor

import (
	"slices"
	"strings"

	"github.com/kukeon/kuke/executor"
)

// iptables is the one of the programs that networks need that is no CNI plugin.
const iptables = "iptables"

// checkCNI looks for the plugins that make the networks of spaces.
func checkCNI(dirs []string) Check {
	c := Check{Name: "cni", Needed: true, Fix: aptInstall + "containernetworking-plugins, or name the directory of the plugins with --cni-bin-dir"}
	missing := slices.DeleteFunc(executor.MissingPlugins(dirs), func(name string) bool { return name == iptables })
	if len(missing) > 0 {
		c.Found = "missing: " + strings.Join(missing, ", ") + "; looked in " + strings.Join(dirs, ", ")
		return c
	}
	c.OK, c.Found = true, "the plugins are there"
	return c
}

// checkIptables looks for the program that publishes the ports of cells.
func checkIptables(dirs []string) Check {
	c := Check{Name: iptables, Needed: true, Fix: aptInstall + iptables}
	c.OK, c.Found = !slices.Contains(executor.MissingPlugins(dirs), iptables), "it is there"
	if !c.OK {
		c.Found = "no iptables in PATH; the ports of cells are published with it"
	}
	return c
}

// checkForwarding tells of other firewalls that drop packets from or to cells.
func checkForwarding() Check {
	c := Check{Name: "forwarding"}
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
