package remote

import (
	"fmt"
	"runtime"
	"strings"
)

// machines are the names of architectures that uname prints, by those of Go.
var machines = map[string]string{
	"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l", "riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x", "loong64": "loongarch64",
}

// runsHere returns an error if the running program does not run on the host.
func (e *versionError) runsHere() error {
	if !strings.EqualFold(e.system, runtime.GOOS) || e.machine != machines[runtime.GOARCH] {
		return fmt.Errorf("it runs %s on %s, and this program is for %s on %s. Copy a kuke %s for that system there", e.system, e.machine, runtime.GOOS, runtime.GOARCH, e.own)
	}
	return nil
}
