package validate

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// unusable are the addresses that no cell can have, and their purpose.
var unusable = []struct {
	prefix  netip.Prefix
	purpose string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "means the host itself"},
	{netip.MustParsePrefix("127.0.0.0/8"), "is for loopback"},
	{netip.MustParsePrefix("169.254.0.0/16"), "is for link-local addresses"},
	{netip.MustParsePrefix("224.0.0.0/4"), "is for multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "is reserved"},
	{netip.MustParsePrefix("::/8"), "is for loopback and IPv4"},
	{netip.MustParsePrefix("fe80::/10"), "is for link-local addresses"},
	{netip.MustParsePrefix("ff00::/8"), "is for multicast"},
}

// usable refuses a prefix that shares an address with one of the unusable prefixes.
func usable(s string, p netip.Prefix) error {
	for _, u := range unusable {
		if p.Overlaps(u.prefix) {
			private := "10.0.0.0/8"
			if p.Addr().Is6() {
				private = "fd00::/8"
			}
			return fmt.Errorf("%q can't be used, as %s %s; choose a private one, such as those in %s", message.Shorten(s), u.prefix, u.purpose, private)
		}
	}
	return nil
}

// The shortest and the longest prefix of a space's subnet: the longest leaves five addresses to cells.
const minSubnetBits, maxSubnetBits = 8, 29

func normalSubnet(s string) (string, error) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || !p.Addr().Is4():
		return "", fmt.Errorf("%q is not an IPv4 subnet; write its address and the length of the prefix, such as 10.1.2.0/24", message.Shorten(s))
	case p.Bits() < minSubnetBits || p.Bits() > maxSubnetBits:
		return "", fmt.Errorf("%q has a prefix of %d bits; a space takes /%d to /%d, such as %s", message.Shorten(s), p.Bits(), minSubnetBits, maxSubnetBits, netip.PrefixFrom(p.Addr(), 24).Masked())
	case p != p.Masked():
		return "", fmt.Errorf("%q is an address within a subnet; write the subnet itself, %q", message.Shorten(s), p.Masked())
	}
	return p.String(), usable(s, p)
}

// The shortest and the longest prefix of a space's IPv6 subnet: the longest leaves five addresses to cells.
const minSubnet6Bits, maxSubnet6Bits = 32, 125

func normalSubnet6(s string) (string, error) {
	if s == resource.SubnetAuto {
		return s, nil
	}
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil || !p.Addr().Is6():
		return "", fmt.Errorf("%q is not an IPv6 subnet; write its address and the length of the prefix, such as fd00:1:2:3::/64, or %q", message.Shorten(s), resource.SubnetAuto)
	case p.Bits() < minSubnet6Bits || p.Bits() > maxSubnet6Bits:
		return "", fmt.Errorf("%q has a prefix of %d bits; a space takes /%d to /%d, such as %s", message.Shorten(s), p.Bits(), minSubnet6Bits, maxSubnet6Bits, netip.PrefixFrom(p.Addr(), 64).Masked())
	case p != p.Masked():
		return "", fmt.Errorf("%q is an address within a subnet; write the subnet itself, %q", message.Shorten(s), p.Masked())
	}
	return p.String(), usable(s, p)
}

func normalIPv6(s string) (string, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is6() || a.Zone() != "" {
		hint := "write groups of hexadecimal digits, such as fd00:1:2:3::4"
		if p, err := netip.ParsePrefix(s); err == nil && p.Addr().Is6() {
			hint = fmt.Sprintf("write the address alone, %q", p.Addr())
		}
		return "", fmt.Errorf("%q is not an IPv6 address; %s", message.Shorten(s), hint)
	}
	return a.String(), usable(s, netip.PrefixFrom(a, a.BitLen()))
}

func normalIPv4(s string) (string, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		hint := "write four numbers, such as 10.1.2.3"
		if p, err := netip.ParsePrefix(s); err == nil && p.Addr().Is4() {
			hint = fmt.Sprintf("write the address alone, %q", p.Addr())
		}
		return "", fmt.Errorf("%q is not an IPv4 address; %s", message.Shorten(s), hint)
	}
	return a.String(), usable(s, netip.PrefixFrom(a, a.BitLen()))
}

// normalCIDR reads a subnet or a single address, which is a subnet of the longest prefix.
func normalCIDR(s string) (string, error) {
	p, err := netip.ParsePrefix(s) // takes no zone
	zone := ""
	if !strings.Contains(s, "/") {
		var a netip.Addr
		a, err = netip.ParseAddr(s)
		zone = a.Zone()
		p = netip.PrefixFrom(a, a.BitLen())
	}
	switch {
	case err != nil || zone != "":
		return "", fmt.Errorf("%q is neither a subnet nor an address; write for example 10.1.2.0/24, 192.0.2.7 or 2001:db8::/32", message.Shorten(s))
	case p.Addr().Is4In6():
		return "", fmt.Errorf("%q is an IPv4 address in the form of an IPv6 one; write it as IPv4, such as %s", message.Shorten(s), p.Addr().Unmap())
	case p.IsSingleIP() && p.Addr().IsUnspecified():
		return "", fmt.Errorf("%q is no destination; for every address write \"%s/0\"", message.Shorten(s), p.Addr())
	case p != p.Masked():
		return "", fmt.Errorf("%q is an address within a subnet; write the subnet itself, %q, or the address alone, %q", message.Shorten(s), p.Masked(), p.Addr())
	}
	return p.String(), nil
}

// normalPort returns a published port in its shortest form.
func normalPort(s string) (string, error) {
	p, err := resource.ParsePort(s)
	if err != nil {
		return "", err
	}
	return p.String(), nil
}

// normalEgressPort returns a port of a destination in its shortest form.
func normalEgressPort(s string) (string, error) {
	ports, protocol, err := resource.ParseEgressPort(s)
	if err != nil {
		return "", err
	}
	return resource.Port{Container: ports, Protocol: protocol}.String(), nil
}
