package network

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	nfnetlink "github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// bufferSize is for a transaction of a few thousand rules, each of which the kernel sends back.
const bufferSize = 16 << 20

// errUnreadable is the error of a table that this package did not create in this form.
var errUnreadable = errors.New("it can't be read")

// tableOf returns the table with the network's name, with "_" for "-".
func tableOf(n Network) *nftables.Table {
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: strings.ReplaceAll(n.Name, "-", "_")}
}

func dialFirewall() (*nftables.Conn, error) {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *nfnetlink.Conn) error {
		return errors.Join(c.SetReadBuffer(bufferSize), c.SetWriteBuffer(bufferSize))
	}))
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket for nftables: %w", err)
	}
	return conn, nil
}

// createTable replaces the table in one transaction, so that at no time packets find no rules.
func (h *Host) createTable(n Network) (digest string, err error) {
	h.firewall.Lock()
	defer h.firewall.Unlock()
	conn, err := dialFirewall()
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.CloseLasting() }()
	table := tableOf(n)
	conn.AddTable(table)
	conn.DelTable(table)
	conn.AddTable(table)
	for _, c := range chainsOf(n) {
		policy := nftables.ChainPolicyAccept
		made := conn.AddChain(&nftables.Chain{
			Table: table, Name: c.name, Type: c.kind, Hooknum: c.hook, Priority: c.priority, Policy: &policy,
		})
		for _, r := range c.rules {
			conn.AddRule(&nftables.Rule{Table: table, Chain: made, Exprs: r})
		}
	}
	if err := conn.Flush(); err != nil {
		return "", fmt.Errorf("replace table inet %s: %w", table.Name, err)
	}
	if digest, err = digestOf(conn, n); err != nil {
		return "", fmt.Errorf("read table inet %s back: %w", table.Name, err)
	}
	return digest, nil
}

func (h *Host) removeTable(n Network) error {
	h.firewall.Lock()
	defer h.firewall.Unlock()
	conn, err := dialFirewall()
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseLasting() }()
	table := tableOf(n)
	conn.DelTable(table)
	if err := conn.Flush(); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("firewall table inet %s: %w", table.Name, err)
	}
	return nil
}

func (h *Host) tableDrift(n Network, digest string) ([]string, error) {
	h.firewall.Lock()
	defer h.firewall.Unlock()
	conn, err := dialFirewall()
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.CloseLasting() }()
	now, err := digestOf(conn, n)
	name := tableOf(n).Name
	switch {
	case errors.Is(err, errUnreadable) || err == nil && now != digest:
		return []string{fmt.Sprintf("firewall table inet %s was changed", name)}, nil
	case errors.Is(err, unix.ENOENT):
		return []string{fmt.Sprintf("firewall table inet %s is missing", name)}, nil
	case err != nil:
		return nil, fmt.Errorf("read firewall table inet %s: %w", name, err)
	}
	return nil, nil
}

// digestOf returns the digest of the table as listed by the kernel, without handles, counters and comments. Each chain is
// listed by its name: a listing of all chains can fail while other programs change theirs. Other chains, and sets, show in
// the table's use count.
func digestOf(conn *nftables.Conn, n Network) (string, error) {
	type canonicalChain struct {
		Name     string
		Type     nftables.ChainType
		Hook     *nftables.ChainHook
		Priority *nftables.ChainPriority
		Policy   *nftables.ChainPolicy
		Rules    [][]any
	}
	table, err := conn.ListTableOfFamily(tableOf(n).Name, nftables.TableFamilyINet)
	if err != nil {
		return "", err
	}
	all := struct {
		Uses, Flags uint32
		Chains      []canonicalChain
	}{Uses: table.Use, Flags: table.Flags}
	for _, c := range chainsOf(n) {
		found, err := conn.ListChain(table, c.name)
		if err != nil {
			return "", fmt.Errorf("chain %s: %w: %w", c.name, errUnreadable, err)
		}
		rules, err := conn.GetRules(table, found)
		if err != nil {
			return "", fmt.Errorf("rules of chain %s: %w", c.name, err)
		}
		canonical := canonicalChain{Name: c.name, Type: found.Type, Hook: found.Hooknum, Priority: found.Priority, Policy: found.Policy}
		for _, r := range rules {
			canonical.Rules = append(canonical.Rules, canonicalRule(r))
		}
		all.Chains = append(all.Chains, canonical)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(text)), nil
}

func canonicalRule(r *nftables.Rule) []any {
	var all []any
	for _, e := range r.Exprs {
		if _, ok := e.(*expr.Counter); ok {
			e = &expr.Counter{}
		}
		all = append(all, fmt.Sprintf("%T", e), e)
	}
	return all
}
