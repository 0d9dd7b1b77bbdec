package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

type chain struct {
	name     string
	kind     nftables.ChainType
	hook     *nftables.ChainHook
	priority *nftables.ChainPriority
	rules    []rule
}

// rule is a list of matches that ends with a verdict. There are no sets: the kernel would number them.
type rule []expr.Any

// Offsets in the headers, and conntrack's bit, from the kernel's headers.
const (
	ipv4Source      = 12
	ipv4Destination = 16
	ipv6Source      = 8
	ipv6Destination = 24
	portDestination = 2
	statusDNAT      = 1 << 5 // IPS_DST_NAT
)

// Types of ICMPv6.
const (
	neighbourSolicitation  = 135
	neighbourAdvertisement = 136
)

var protocols = map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "sctp": unix.IPPROTO_SCTP}

func (a *Allow) check() error {
	switch {
	case !a.Destination.IsValid():
		return errors.New("an allowed destination is missing")
	case a.Protocol == "" && (a.First != 0 || a.Last != 0):
		return fmt.Errorf("allowed destination %s has ports but no protocol", a.Destination)
	case a.Protocol != "" && protocols[a.Protocol] == 0:
		return fmt.Errorf("allowed destination %s has the unknown protocol %q", a.Destination, a.Protocol)
	case a.Last != 0 && a.Last < a.First:
		return fmt.Errorf("allowed destination %s has ports %d to %d", a.Destination, a.First, a.Last)
	}
	return nil
}

// chainsOf returns the chains of the network's table. All but the masquerading match links instead of source addresses, which
// a cell can forge.
func chainsOf(n Network) []chain {
	chains := []chain{{
		name: "prerouting", kind: nftables.ChainTypeFilter,
		hook: nftables.ChainHookPrerouting, priority: nftables.ChainPriorityRaw, rules: loopbackRules(n),
	}, {
		name: "forward", kind: nftables.ChainTypeFilter,
		hook: nftables.ChainHookForward, priority: nftables.ChainPriorityFilter, rules: forwardRules(n),
	}}
	if n.Internal || n.Deny {
		chains = append(chains, chain{
			name: "input", kind: nftables.ChainTypeFilter,
			hook: nftables.ChainHookInput, priority: nftables.ChainPriorityFilter, rules: inputRules(n),
		})
	}
	if !n.Internal {
		masquerade := []rule{slices.Concat(family(unix.NFPROTO_IPV4), network(ipv4Source, n.Subnet), outOf(expr.CmpOpNeq, n.Bridge),
			rule{&expr.Masq{}})}
		if n.Subnet6.IsValid() {
			masquerade = append(masquerade, slices.Concat(family(unix.NFPROTO_IPV6), network(ipv6Source, n.Subnet6),
				outOf(expr.CmpOpNeq, n.Bridge), rule{&expr.Masq{}}))
		}
		chains = append(chains, chain{
			name: "postrouting", kind: nftables.ChainTypeNAT,
			hook: nftables.ChainHookPostrouting, priority: nftables.ChainPriorityNATSource, rules: masquerade,
		})
	}
	return chains
}

// loopback is the range of addresses that no packet on a wire carries.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// loopbackRules keep cells from sending to the host's loopback, and from using its addresses as a source. The kernel does so
// until portmap sets route_localnet on the bridge, which publishing a port on 127.0.0.1 requires. They precede the rules that
// forward published ports.
func loopbackRules(n Network) []rule {
	in := slices.Concat(into(n.Bridge), family(unix.NFPROTO_IPV4))
	return []rule{
		slices.Concat(in, network(ipv4Destination, loopback), drop()),
		slices.Concat(in, network(ipv4Source, loopback), drop()),
	}
}

func forwardRules(n Network) []rule {
	in, out := into(n.Bridge), outOf(expr.CmpOpEq, n.Bridge)
	rules := []rule{
		slices.Concat(established(), accept()),
		slices.Concat(in, out, accept()),
		// No space reaches another, not even through a published port.
		slices.Concat(in, link(expr.MetaKeyOIFNAME, expr.CmpOpEq, []byte(BridgePrefix)), drop()),
		slices.Concat(link(expr.MetaKeyIIFNAME, expr.CmpOpEq, []byte(BridgePrefix)), out, drop()),
		slices.Concat(out, published(), accept()),
		slices.Concat(out, drop()),
	}
	return append(rules, egressRules(n)...)
}

// inputRules drop the packets to the host's own services from a cell that may not leave its space.
func inputRules(n Network) []rule {
	rules := []rule{slices.Concat(into(n.Bridge), established(), accept())}
	// Neighbour discovery must be answered for allowed destinations to be reached, like ARP, which the firewall does not see.
	for _, kind := range []byte{neighbourSolicitation, neighbourAdvertisement} {
		rules = append(rules, slices.Concat(into(n.Bridge), icmpv6(kind), accept()))
	}
	return append(rules, egressRules(n)...)
}

func egressRules(n Network) []rule {
	in := into(n.Bridge)
	if !n.Internal && !n.Deny {
		return []rule{slices.Concat(in, accept())}
	}
	var rules []rule
	if !n.Internal {
		for _, a := range n.Allow {
			rules = append(rules, slices.Concat(in, a.match(), accept()))
		}
	}
	return append(rules, slices.Concat(in, drop()))
}

func (a *Allow) match() rule {
	fam, offset := byte(unix.NFPROTO_IPV4), uint32(ipv4Destination)
	if a.Destination.Addr().Is6() {
		fam, offset = unix.NFPROTO_IPV6, ipv6Destination
	}
	r := slices.Concat(family(fam), network(offset, a.Destination))
	if a.Protocol == "" {
		return r
	}
	r = append(r, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal(protocols[a.Protocol]))
	if a.First == 0 && a.Last == 0 {
		return r
	}
	r = append(r, &expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: portDestination, Len: 2})
	first := binaryutil.BigEndian.PutUint16(a.First)
	if a.Last == 0 || a.Last == a.First {
		return append(r, equal(first...))
	}
	return append(r, &expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: first},
		&expr.Cmp{Op: expr.CmpOpLte, Register: 1, Data: binaryutil.BigEndian.PutUint16(a.Last)})
}

func icmpv6(kind byte) rule {
	return rule{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equal(unix.IPPROTO_ICMPV6),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1}, equal(kind),
	}
}

func into(bridge string) rule {
	return link(expr.MetaKeyIIFNAME, expr.CmpOpEq, wholeName(bridge))
}

func outOf(op expr.CmpOp, bridge string) rule {
	return link(expr.MetaKeyOIFNAME, op, wholeName(bridge))
}

// link compares the bytes of name: without a final NUL, name is a prefix.
func link(key expr.MetaKey, op expr.CmpOp, name []byte) rule {
	return rule{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: op, Register: 1, Data: name}}
}

func wholeName(name string) []byte {
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return padded
}

func family(f byte) rule {
	return rule{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1}, equal(f)}
}

// network matches the address at an offset of the network header.
func network(offset uint32, p netip.Prefix) rule {
	if p.Bits() == 0 {
		return nil
	}
	addr := p.Masked().Addr()
	size := uint32(addr.BitLen() / 8)
	r := rule{&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size}}
	if !p.IsSingleIP() {
		r = append(r, &expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: size,
			Mask: net.CIDRMask(p.Bits(), addr.BitLen()), Xor: make([]byte, size),
		})
	}
	return append(r, equal(addr.AsSlice()...))
}

func established() rule {
	return anyBit(expr.CtKeySTATE, expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED)
}

func published() rule { return anyBit(expr.CtKeySTATUS, statusDNAT) }

func anyBit(key expr.CtKey, bits uint32) rule {
	return rule{
		&expr.Ct{Key: key, Register: 1},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: make([]byte, 4),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

func equal(data ...byte) *expr.Cmp {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data}
}

func accept() rule { return rule{&expr.Verdict{Kind: expr.VerdictAccept}} }
func drop() rule   { return rule{&expr.Verdict{Kind: expr.VerdictDrop}} }
