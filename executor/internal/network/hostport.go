package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/kukeon/kuke/executor/program"
)

// hostportChains are what the portmap plugin makes for all containers together, and never takes away. The first leads
// to a chain for each container that publishes ports.
var hostportChains = []string{"CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK"}

// holdPorts keeps the chains where they are until release is called. The first to publish ports is alone: of two plugins
// that make the chains at once, one fails.
func (h *Host) holdPorts(publish bool) (release func()) {
	for {
		h.ports.RLock()
		if !publish || h.hostports.Load() {
			return h.ports.RUnlock
		}
		h.ports.RUnlock()
		h.ports.Lock()
		if !h.hostports.Load() {
			return h.ports.Unlock
		}
		h.ports.Unlock()
	}
}

// removeHostportChains takes the chains away when no port is published any more, by whomever. It is one transaction,
// which fails, and changes nothing, if somebody publishes one meanwhile: a chain with rules can't be deleted.
func (h *Host) removeHostportChains() error {
	h.ports.Lock()
	defer h.ports.Unlock()
	h.hostports.Store(false)
	text, err := savedNAT()
	if err != nil {
		return fmt.Errorf("published ports: %w", err)
	}
	script := removalOf(text)
	if script == "" {
		return nil
	}
	restore, err := findProgram("iptables-restore")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	cmd := program.Command(context.Background(), restore, "--noflush", "--wait")
	cmd.Stdin = strings.NewReader(script)
	if err := cmd.Run(); err != nil {
		// Another one may have been faster, in either direction.
		if now, saved := savedNAT(); saved == nil && removalOf(now) == script {
			return fmt.Errorf("published ports: %s: %w", restore, err)
		}
	}
	return nil
}

// removalOf returns the input for iptables-restore that takes the chains away, or nothing where they are in use or
// aren't there.
func removalOf(saved string) string {
	var rules, chains []string
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		if name, isChain := strings.CutPrefix(line, ":"); isChain {
			name, _, _ = strings.Cut(name, " ")
			if slices.Contains(hostportChains, name) {
				chains = append(chains, "-X "+name)
			}
		}
		rule, isRule := strings.CutPrefix(line, "-A ")
		if !isRule {
			continue
		}
		from, _, _ := strings.Cut(rule, " ")
		if from == hostportChains[0] || strings.HasPrefix(from, "CNI-DN-") {
			return ""
		}
		_, to, _ := strings.Cut(rule, " -j ")
		to, _, _ = strings.Cut(to, " ")
		if slices.Contains(hostportChains, from) || slices.Contains(hostportChains, to) {
			rules = append(rules, "-D "+rule)
		}
	}
	if len(chains) == 0 {
		return ""
	}
	return "*nat\n" + strings.Join(append(rules, chains...), "\n") + "\nCOMMIT\n"
}
