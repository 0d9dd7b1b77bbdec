// Package doctor looks at a host for the programs, kernel features and settings that kuke needs, and tells the fix for each that
// is missing. It changes nothing.
package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/executor"
)

// Check is one finding.
type Check struct {
	Name   string
	OK     bool
	Needed bool
	// Found describes the state of the host, or the fault in it; Fix says how to repair it.
	Found, Fix string
}

// aptInstall is the fix for programs that are missing. The package names are Debian's and Ubuntu's.
const aptInstall = "apt-get install "

// Checks looks at the host, one thing at a time: no check needs another to succeed.
func Checks(ctx context.Context, s *session.Session) []Check {
	return slices.Concat(
		one(checkRoot()),
		one(checkRunc()),
		checkContainerd(ctx, s),
		checkCgroups(s.CgroupRoot),
		one(checkCNI(s.CNIBinDirs)),
		one(checkIptables(s.CNIBinDirs)),
		one(checkForwarding()),
		one(checkOverlay()),
		one(checkConfinement(executor.HostConfinement())),
		one(checkRunPath(s.RunPath)),
		checkResources(ctx, s),
		checkHealth(s.RunPath),
	)
}

func one(c Check) []Check { return []Check{c} }

func checkRoot() Check {
	c := Check{Name: "root", Needed: true, OK: os.Geteuid() == 0, Found: "running as root", Fix: "run kuke with sudo"}
	if !c.OK {
		c.Found = fmt.Sprintf("running as uid %d; namespaces and cgroups need root", os.Geteuid())
	}
	return c
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
