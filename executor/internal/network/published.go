package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/executor/program"
)

// Published is a range of ports of the host that iptables forwards (DNAT).
type Published struct {
	// Protocol is the protocol of the rule: tcp, udp or sctp.
	Protocol string
	// Addr is the address of the host; the zero value means any.
	Addr        netip.Addr
	IPv6        bool // it forwards IPv6, or else IPv4
	First, Last uint16
	// Network and ID are the CNI network and the container id in the portmap plugin's rule; empty for rules of other programs,
	// such as Docker.
	Network, ID string
}

// owner matches the comment of the rule that leads to the chain of a container.
var owner = regexp.MustCompile(`^dnat name: "(.*)" id: "(.*)"$`)

// The programs of IPv4 and IPv6.
const (
	iptables  = "iptables"
	ip6tables = "ip6tables"
)

func publishedPorts(ipv6 bool) ([]Published, error) {
	text, err := savedNAT(iptables)
	if err != nil {
		return nil, fmt.Errorf("list published ports: %w", err)
	}
	all := parsePublished(text)
	if !ipv6 {
		return all, nil
	}
	if text, err = savedNAT(ip6tables); err != nil {
		return nil, fmt.Errorf("list published ports: %w", err)
	}
	for _, p := range parsePublished(text) {
		p.IPv6 = true
		all = append(all, p)
	}
	return all, nil
}

// savedNAT returns the rules of the nat table of iptables or ip6tables, none where the program is missing.
func savedNAT(tables string) (string, error) {
	save, err := findProgram(tables + "-save")
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := program.Command(context.Background(), save, "-t", "nat").Output()
	if err != nil {
		if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(failed.Stderr)))
		}
		return "", fmt.Errorf("%s -t nat: %w", save, err)
	}
	return string(text), nil
}

// parsePublished reads the nat table from the output of iptables-save. Rules without a port are no published ports.
func parsePublished(text string) []Published {
	var rules []savedRule
	owners := map[string][]string{}
	for line := range strings.Lines(text) {
		r := parseRule(line)
		if m := owner.FindStringSubmatch(r.comment); m != nil {
			owners[r.target] = m[1:]
		}
		rules = append(rules, r)
	}
	var found []Published
	for _, r := range rules {
		if r.target != "DNAT" {
			continue
		}
		p := Published{Protocol: r.protocol, Addr: r.destination}
		if o := owners[r.chain]; o != nil {
			p.Network, p.ID = o[0], o[1]
		}
		for ports := range strings.SplitSeq(r.ports, ",") {
			first, last, ranged := strings.Cut(ports, ":")
			if !ranged {
				last = first
			}
			from, err := strconv.ParseUint(first, 10, 16)
			to, err2 := strconv.ParseUint(last, 10, 16)
			if err != nil || err2 != nil {
				continue
			}
			p.First, p.Last = uint16(from), uint16(to)
			found = append(found, p)
		}
	}
	return found
}

type savedRule struct {
	chain, target, protocol, comment, ports string
	// destination is the zero value unless it is a single address.
	destination netip.Addr
}

func parseRule(line string) savedRule {
	var r savedRule
	words := splitWords(line)
	negated := false
	for i := 0; i+1 < len(words); i++ {
		if words[i] == "!" {
			negated = true
			continue
		}
		value := words[i+1]
		switch words[i] {
		case "-A":
			r.chain = value
		case "-j", "-g":
			r.target = value
		case "-p":
			r.protocol = value
		case "--comment":
			r.comment = value
		case "-d":
			if p, err := netip.ParsePrefix(value); err == nil && p.IsSingleIP() && !negated {
				r.destination = p.Addr()
			}
		case "--dport", "--dports", "--destination-ports":
			if !negated {
				r.ports = value
			}
		default:
			negated = false
			continue
		}
		negated = false
		i++
	}
	return r
}

// splitWords splits at blanks outside of double quotes, and removes the quotes and backslashes.
func splitWords(line string) []string {
	var words []string
	var word strings.Builder
	quoted, some := false, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case c == '"':
			quoted, some = !quoted, true
		case (c == ' ' || c == '\n') && !quoted:
			if some || word.Len() > 0 {
				words = append(words, word.String())
			}
			word.Reset()
			some = false
		default:
			word.WriteByte(c)
		}
	}
	if some || word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}
