package remote

import (
	"strconv"

	"github.com/kukeon/kuke/config/resource"
)

// Host is a host that ssh connects to.
type Host = resource.Host

// arguments returns the arguments of ssh that run a command of the shell on the host, without a terminal.
func arguments(h *Host, command string) []string {
	args := []string{"-T", "-o", "RemoteCommand=none"}
	if h.Port != 0 {
		args = append(args, "-p", strconv.Itoa(h.Port))
	}
	if h.User != "" {
		args = append(args, "-l", h.User)
	}
	return append(args, "--", h.Name, command)
}
