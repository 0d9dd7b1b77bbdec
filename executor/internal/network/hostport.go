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

// hostportChains are the chains that the portmap plugin creates for all containers together, and never removes. The first
// leads to a chain for each container that publishes ports.
var hostportChains = []string{"CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK"}

// holdPorts keeps the chains from being removed until release is called. The first plugin to publish ports runs alone: of
// two that create the chains at once, one fails.
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

// removeHostportChains removes the chains when no program publishes a port any more. The transaction fails without changes
// if a port is published meanwhile: a chain with rules can't be deleted.
func (h *Host) removeHostportChains() error {
	h.ports.Lock()
	defer h.ports.Unlock()
	h.hostports.Store(false)
	return errors.Join(removeHostportChains(iptables), removeHostportChains(ip6tables))
}

// removeHostportChains does so for iptables or ip6tables.
func removeHostportChains(tables string) error {
	text, err := savedNAT(tables)
	if err != nil {
		return fmt.Errorf("published ports: %w", err)
	}
	script := removalOf(text)
	if script == "" {
		return nil
	}
	restore, err := findProgram(tables + "-restore")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	cmd := program.Command(context.Background(), restore, "--noflush", "--wait")
	cmd.Stdin = strings.NewReader(script)
	if err := cmd.Run(); err != nil {
		// Another process may have removed the chains, or published a port.
		if now, saved := savedNAT(tables); saved == nil && removalOf(now) == script {
			return fmt.Errorf("published ports: %s: %w", restore, err)
		}
	}
	return nil
}

// removalOf returns the input for iptables-restore that removes the chains, empty where they are in use or missing.
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
