package network

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// Dropping is a chain of another firewall that drops forwarded packets of cells. Every chain of the hook has to accept a
// packet, so that no rule in the table of a space can prevent it.
type Dropping struct {
	// Chain names the chain, such as "table ip filter, chain FORWARD".
	Chain string
	// Fix holds the commands that make it accept the packets of all cells.
	Fix string
	// Ours says that [Host.Create] makes it accept the packets, by kuke's rules in that chain.
	Ours bool
	// Bridges are the bridges whose packets it drops, in the order of the arguments.
	Bridges []string
}

// DroppingChains returns the chains that drop packets from or to cells on the bridges, which need not exist yet. bridges6 are
// those with IPv6.
func DroppingChains(bridges, bridges6 []string) ([]Dropping, error) {
	filters, err := forwardFilters()
	if err != nil {
		return nil, fmt.Errorf("inspect the firewall: %w", err)
	}
	var all []Dropping
	for _, f := range filters {
		d := Dropping{Chain: f.title(), Fix: f.fix(), Ours: f.restore != ""}
		of := bridges
		if f.family == familyIPv6 {
			of = bridges6
		}
		for _, bridge := range of {
			if f.drops(bridge) {
				d.Bridges = append(d.Bridges, bridge)
			}
		}
		if len(d.Bridges) > 0 {
			all = append(all, d)
		}
	}
	return all, nil
}

// The families of tables that see packets of cells, as nft names them.
const (
	familyIPv4 = "ip"
	familyIPv6 = "ip6"
	familyBoth = "inet"
)

// forwardFilter is a base chain of the hook forward that sees packets of cells, with the chains that it leads to.
type forwardFilter struct {
	family, table, chain string
	drop                 bool // its policy
	chains               map[string][]filterRule
	// restore is the program that changes the table, empty where the table is not iptables'.
	restore string
	legacy  bool
	// accepting says that the table has the chain [acceptChain].
	accepting bool
}

// filterRule is the part of a rule that decides on packets with one known interface.
type filterRule struct {
	// in and out are the interfaces that it matches: with a "*" at the end, all with that prefix; empty for any.
	in, out string
	// partial says that it has other conditions too, so that it decides on some of the packets only.
	partial bool
	verdict verdict
	to      string // the chain of a jump
}

type verdict int

const (
	goesOn verdict = iota
	accepts
	drops
	returns
	jumps
	goesTo
)

func (f *forwardFilter) title() string {
	if f.legacy {
		programs := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(f.restore), "-restore"), "-legacy")
		return fmt.Sprintf("legacy %s' table %s, chain %s", programs, f.table, f.chain)
	}
	return fmt.Sprintf("table %s %s, chain %s", f.family, f.table, f.chain)
}

func (f *forwardFilter) fix() string {
	if f.restore != "" {
		to := strings.TrimSuffix(filepath.Base(f.restore), "-restore") + " -I " + f.chain
		return fmt.Sprintf("%[1]s -i %[2]s+ -j ACCEPT; %[1]s -o %[2]s+ -j ACCEPT", to, BridgePrefix)
	}
	to := fmt.Sprintf("nft insert rule %s %s %s", f.family, f.table, f.chain)
	return fmt.Sprintf(`%[1]s 'iifname "%[2]s*" accept'; %[1]s 'oifname "%[2]s*" accept'`, to, BridgePrefix)
}

// drops reports whether packets from the bridge, or to it, are dropped unless a rule accepts some of them.
func (f *forwardFilter) drops(bridge string) bool {
	for _, packet := range []filterRule{{in: bridge}, {out: bridge}} {
		v := f.decide(f.chain, packet, 0)
		if v == drops || v == goesOn && f.drop {
			return true
		}
	}
	return false
}

// decide returns the verdict of a chain on all packets with the interfaces of the rule packet.
func (f *forwardFilter) decide(chain string, packet filterRule, depth int) verdict {
	const deepest = 32 // the kernel follows no more than 16 jumps
	if depth > deepest {
		return goesOn
	}
	for _, r := range f.chains[chain] {
		if r.partial || !covers(r.in, packet.in) || !covers(r.out, packet.out) {
			continue
		}
		switch r.verdict {
		case accepts, drops:
			return r.verdict
		case returns:
			return goesOn
		case goesTo:
			return f.decide(r.to, packet, depth+1)
		case jumps:
			if v := f.decide(r.to, packet, depth+1); v != goesOn {
				return v
			}
		}
	}
	return goesOn
}

// covers reports whether the pattern of a rule matches the interface, which is empty when it may be any.
func covers(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	switch {
	case pattern == "":
		return true
	case open:
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern
}

// forwardFilters reads the firewalls of other programs, with kuke's rules in iptables.
func forwardFilters() (filters []forwardFilter, err error) {
	// Another program may change a table while it is read.
	const attempts = 10
	for range attempts {
		if filters, err = nftFilters(); err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	legacy, err := legacyFilters()
	return append(filters, legacy...), err
}

func nftFilters() ([]forwardFilter, error) {
	conn, err := dialFirewall()
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.CloseLasting() }()
	chains, err := conn.ListChains()
	if err != nil {
		return nil, fmt.Errorf("list chains: %w", err)
	}
	var filters []forwardFilter
	for _, c := range chains {
		if !isForeignForward(c) {
			continue
		}
		f := forwardFilter{
			family: familyName(c.Table.Family), table: c.Table.Name, chain: c.Name,
			drop: c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop, chains: map[string][]filterRule{},
		}
		if programs := programsOf[c.Table.Family]; programs != "" && c.Table.Name == filterTable && c.Name == forwardChain {
			if f.restore, err = iptablesProgram(programs, "nft", "restore"); err != nil {
				return nil, err
			}
			f.accepting = slices.ContainsFunc(chains, func(other *nftables.Chain) bool {
				return other.Name == acceptChain && *other.Table == *c.Table
			})
		}
		if err := f.readFrom(conn, c.Table, c.Name); err != nil {
			return nil, err
		}
		filters = append(filters, f)
	}
	return filters, nil
}

func isForeignForward(c *nftables.Chain) bool {
	return c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookForward && !strings.HasPrefix(c.Table.Name, tablePrefix) &&
		familyName(c.Table.Family) != ""
}

// programsOf holds the programs that change the tables of a family.
var programsOf = map[nftables.TableFamily]string{nftables.TableFamilyIPv4: iptables, nftables.TableFamilyIPv6: ip6tables}

// familyName returns "" for a family that sees no packets of cells.
func familyName(f nftables.TableFamily) string {
	switch f {
	case nftables.TableFamilyINet:
		return familyBoth
	case nftables.TableFamilyIPv4:
		return familyIPv4
	case nftables.TableFamilyIPv6:
		return familyIPv6
	}
	return ""
}

// readFrom reads a chain and the chains that it leads to.
func (f *forwardFilter) readFrom(conn *nftables.Conn, table *nftables.Table, chain string) error {
	if _, done := f.chains[chain]; done {
		return nil
	}
	f.chains[chain] = nil
	rules, err := conn.GetRules(table, &nftables.Chain{Table: table, Name: chain})
	if err != nil {
		return fmt.Errorf("list rules of table %s, chain %s: %w", table.Name, chain, err)
	}
	for _, r := range rules {
		read := readRule(r, chain == acceptChain)
		f.chains[chain] = append(f.chains[chain], read)
		if read.to != "" {
			err = errors.Join(err, f.readFrom(conn, table, read.to))
		}
	}
	return err
}

// readRule reads a rule of nftables, or a rule that iptables has translated; accepting is for rules of [acceptChain].
func readRule(r *nftables.Rule, accepting bool) filterRule {
	var read filterRule
	var name *string // of the interface in the register
	for _, e := range r.Exprs {
		switch e := e.(type) {
		case *expr.Counter, *expr.Log:
		case *expr.Meta:
			name = map[expr.MetaKey]*string{expr.MetaKeyIIFNAME: &read.in, expr.MetaKeyOIFNAME: &read.out}[e.Key]
			read.partial = read.partial || name == nil || e.SourceRegister
		case *expr.Cmp:
			if name == nil || e.Op != expr.CmpOpEq {
				read.partial = true
				continue
			}
			// Without the final NUL, the name is a prefix of names.
			whole, _, ends := bytes.Cut(e.Data, []byte{0})
			*name = string(whole)
			if !ends {
				*name += "*"
			}
			name = nil
		case *expr.Match:
			read.partial = read.partial || e.Name != "comment" && !accepting
		case *expr.Target:
			if e.Name == "REJECT" {
				read.verdict = drops
			}
		case *expr.Reject:
			read.verdict = drops
		case *expr.Verdict:
			read.verdict, read.to = verdicts[e.Kind], e.Chain
		default:
			read.partial = true
		}
	}
	return read
}

var verdicts = map[expr.VerdictKind]verdict{
	expr.VerdictAccept: accepts, expr.VerdictDrop: drops, expr.VerdictReturn: returns, expr.VerdictJump: jumps, expr.VerdictGoto: goesTo,
}

// parseFilter reads the table filter from the output of iptables-save; it returns nil where that has no chain FORWARD.
func parseFilter(text string) *forwardFilter {
	f := &forwardFilter{family: familyIPv4, table: filterTable, chain: forwardChain, chains: map[string][]filterRule{}}
	found := false
	for line := range strings.Lines(text) {
		if policy, is := strings.CutPrefix(line, ":"+forwardChain+" "); is {
			found, f.drop = true, strings.HasPrefix(policy, "DROP")
		}
		f.accepting = f.accepting || strings.HasPrefix(line, ":"+acceptChain+" ")
		words := splitWords(line)
		if len(words) > 2 && words[0] == "-A" {
			f.chains[words[1]] = append(f.chains[words[1]], parseFilterRule(words[2:], words[1] == acceptChain))
		}
	}
	if !found {
		return nil
	}
	return f
}

// parseFilterRule reads a rule after the name of its chain. The options of the target follow it.
func parseFilterRule(words []string, accepting bool) filterRule {
	var read filterRule
	pattern := func(name string) string {
		if prefix, open := strings.CutSuffix(name, "+"); open {
			return prefix + "*"
		}
		return name
	}
	for i := 0; i+1 < len(words); i += 2 {
		value := words[i+1]
		switch option := words[i]; {
		case option == "-i":
			read.in = pattern(value)
		case option == "-o":
			read.out = pattern(value)
		case slices.Contains([]string{"-m", "--comment"}, option) && (option != "-m" || value == "comment"):
		case accepting && option != "-j" && option != "-g":
		case option == "-j" || option == "-g":
			read.verdict, read.to = targetOf(option, value)
			return read
		default:
			read.partial = true
			if option == "!" {
				i-- // it has no value
			}
		}
	}
	return read
}

// targetOf returns the verdict of a target. A target that is neither known here nor a chain is not in chains.
func targetOf(option, target string) (verdict, string) {
	switch {
	case target == "ACCEPT":
		return accepts, ""
	case target == "DROP" || target == "REJECT":
		return drops, ""
	case target == "RETURN":
		return returns, ""
	case option == "-g":
		return goesTo, target
	}
	return jumps, target
}
