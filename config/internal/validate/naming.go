package validate

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"unicode"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// The longest names: Docker takes a host name of 63 characters, and Linux a domain name of 64.
const maxHostname, maxDomainname = 63, 64

func normalHostname(s string) (string, error) {
	if len(s) > maxHostname {
		return "", fmt.Errorf("%q has %d characters; a host name has at most %d", message.Shorten(s), len(s), maxHostname)
	}
	return s, resource.CheckHostName(s)
}

func normalDomainname(s string) (string, error) {
	if len(s) > maxDomainname {
		return "", fmt.Errorf("%q has %d characters; a domain name has at most %d", message.Shorten(s), len(s), maxDomainname)
	}
	return s, resource.CheckHostName(s)
}

// normalResolver reads the address of a DNS server.
func normalResolver(s string) (string, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.IsUnspecified() {
		return "", fmt.Errorf("%q is not the address of a DNS server; write an IP address without a port, such as 192.0.2.53", message.Shorten(s))
	}
	return a.Unmap().String(), nil
}

// maxDomain is the length of the longest name in DNS.
const maxDomain = 253

func normalSearchDomain(s string) (string, error) {
	if s == "." { // no domain
		return s, nil
	}
	if len(s) > maxDomain {
		return "", fmt.Errorf("%q has %d characters; a domain has at most %d", message.Shorten(s), len(s), maxDomain)
	}
	domain := strings.TrimSuffix(s, ".")
	return domain, resource.CheckHostName(domain)
}

func normalResolverOption(s string) (string, error) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", fmt.Errorf("%q is no option of a resolver; write one without white space, such as ndots:2", message.Shorten(s))
	}
	return s, nil
}

func normalExtraHost(s string) (string, error) {
	h, err := resource.ParseExtraHost(s)
	if err != nil {
		return "", err
	}
	return h.String(), nil
}

// ethernet is the length of an address of Ethernet in bytes.
const ethernet = 6

func normalMAC(s string) (string, error) {
	a, err := net.ParseMAC(s)
	switch {
	case err != nil || len(a) != ethernet:
		return "", fmt.Errorf("%q is not a MAC address; write six bytes in hexadecimal, such as 02:42:ac:11:00:02", message.Shorten(s))
	case a[0]&1 != 0:
		return "", fmt.Errorf("%q is the address of a group, which no interface can have; write one whose first byte is even, such as 02:42:ac:11:00:02", message.Shorten(s))
	case bytes.Equal(a, make([]byte, ethernet)):
		return "", fmt.Errorf("%q is no address of an interface; write one such as 02:42:ac:11:00:02", message.Shorten(s))
	}
	return a.String(), nil
}
