package network

import (
	"fmt"

	"github.com/google/nftables"
)

// DroppingChains names the chains of other firewalls that drop forwarded packets which nothing in them allows, such as
// "table ip filter, chain FORWARD". No rule of a space can help against those.
func DroppingChains() ([]string, error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	chains, err := conn.ListChains()
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	var dropping []string
	for _, c := range chains {
		if c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookForward && c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop {
			dropping = append(dropping, fmt.Sprintf("table %s %s, chain %s", familyName(c.Table.Family), c.Table.Name, c.Name))
		}
	}
	return dropping, nil
}

func familyName(f nftables.TableFamily) string {
	switch f {
	case nftables.TableFamilyINet:
		return "inet"
	case nftables.TableFamilyIPv6:
		return "ip6"
	case nftables.TableFamilyBridge:
		return "bridge"
	}
	return "ip"
}
