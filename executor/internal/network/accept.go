package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/kukeon/kuke/executor/program"
)

const (
	filterTable  = "filter"
	forwardChain = "FORWARD"
	// acceptChain is kuke's chain in iptables' table filter. It is created when the chain FORWARD drops packets of cells, as
	// it does beside Docker, and removed with the last space.
	acceptChain = "KUKEON-FORWARD"
)

// tablePrefix begins the names of the nftables tables of all spaces.
const tablePrefix = "kukeon_"

// acceptRules accept packets from cells, answers to them and packets to published ports. The tables of spaces are stricter.
var acceptRules = []string{
	"-i " + BridgePrefix + "+ -j ACCEPT",
	"-o " + BridgePrefix + "+ -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT",
}

// letPass makes iptables' chain FORWARD accept the packets of the bridge where it drops them, by rules for all bridges. The
// jump to those is its first rule: a rule of another program that drops all packets may be anywhere.
func (h *Host) letPass(bridge string, ipv6 bool) error {
	h.accepting.Lock()
	defer h.accepting.Unlock()
	filters, err := forwardFilters()
	if err != nil {
		return err
	}
	for _, f := range filters {
		if f.restore == "" || f.family == familyIPv6 && !ipv6 || !f.drops(bridge) {
			continue
		}
		script := []string{":" + acceptChain + " - [0:0]"}
		for _, rule := range acceptRules {
			script = append(script, "-A "+acceptChain+" "+rule)
		}
		script = append(script, f.unjump()...)
		if err := f.change(append(script, "-I "+f.chain+" 1 -j "+acceptChain)); err != nil {
			return err
		}
	}
	return nil
}

// stopPassing removes the rules of letPass when no space is left.
func (h *Host) stopPassing() error {
	h.accepting.Lock()
	defer h.accepting.Unlock()
	conn, err := dialFirewall()
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseLasting() }()
	tables, err := conn.ListTables()
	if err != nil {
		return fmt.Errorf("list firewall tables: %w", err)
	}
	for _, t := range tables {
		if strings.HasPrefix(t.Name, tablePrefix) {
			return nil
		}
	}
	filters, err := forwardFilters()
	if err != nil {
		return err
	}
	for _, f := range filters {
		if f.restore == "" || !f.accepting {
			continue
		}
		if err := f.change(append(f.unjump(), "-F "+acceptChain, "-X "+acceptChain)); err != nil {
			return err
		}
	}
	return nil
}

// unjump returns the commands that remove the jumps to acceptChain.
func (f *forwardFilter) unjump() []string {
	var script []string
	for _, r := range f.chains[f.chain] {
		if r.to == acceptChain {
			script = append(script, "-D "+f.chain+" -j "+acceptChain)
		}
	}
	return script
}

// change executes commands of iptables-restore in the table, all of them or none.
func (f *forwardFilter) change(script []string) error {
	cmd := program.Command(context.Background(), f.restore, "--noflush", "--wait")
	cmd.Stdin = strings.NewReader("*" + f.table + "\n" + strings.Join(script, "\n") + "\nCOMMIT\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("change %s: %s: %w: %s", f.title(), f.restore, err, bytes.TrimSpace(out))
	}
	return nil
}

// legacyFilters reads the tables filter of the kernel's older firewall.
func legacyFilters() ([]forwardFilter, error) {
	var all []forwardFilter
	for _, of := range []struct{ family, names, programs string }{
		{familyIPv4, "/proc/net/ip_tables_names", iptables}, {familyIPv6, "/proc/net/ip6_tables_names", ip6tables},
	} {
		f, err := legacyFilter(of.names, of.programs)
		if err != nil {
			return nil, err
		}
		if f != nil {
			f.family = of.family
			all = append(all, *f)
		}
	}
	return all, nil
}

// legacyFilter returns nil where the table is not in use, by the file of names: reading the table regardless would load it.
func legacyFilter(names, programs string) (*forwardFilter, error) {
	tables, err := os.ReadFile(names)
	if err != nil || !slices.Contains(strings.Fields(string(tables)), filterTable) {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	save, err := iptablesProgram(programs, "legacy", "save")
	if err != nil || save == "" {
		return nil, err
	}
	text, err := program.Command(context.Background(), save, "-t", filterTable).Output()
	if err != nil {
		return nil, fmt.Errorf("%s -t %s: %w", save, filterTable, err)
	}
	f := parseFilter(string(text))
	if f == nil {
		return nil, nil
	}
	f.legacy, f.restore = true, strings.TrimSuffix(save, "save")+"restore"
	return f, nil
}

// iptablesProgram returns the path of iptables-ACTION or ip6tables-ACTION, save or restore, for one of the kernel's two firewalls, nft or legacy.
// A host with programs for only one firewall may not have that in their names, but in their version. The path is empty where
// there is no program.
func iptablesProgram(programs, firewall, action string) (string, error) {
	path, err := findProgram(programs + "-" + firewall + "-" + action)
	if !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	path, err = findProgram(programs + "-" + action)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	version, err := program.Command(context.Background(), path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	if bytes.Contains(version, []byte("nf_tables")) != (firewall == "nft") {
		return "", nil
	}
	return path, nil
}
