package network

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// maxLinkName is the kernel's IFNAMSIZ without the final NUL.
const maxLinkName = unix.IFNAMSIZ - 1

// protocol is a version of IP in the kernel.
type protocol struct {
	name       string
	family     int
	forwarding string // the file of the kernel's parameter
}

var (
	ipv4 = protocol{"IPv4", netlink.FAMILY_V4, "/proc/sys/net/ipv4/ip_forward"}
	ipv6 = protocol{"IPv6", netlink.FAMILY_V6, "/proc/sys/net/ipv6/conf/all/forwarding"}
)

// protocolsOf returns the protocols that the network has, with the address of the bridge in each.
func protocolsOf(n Network) map[*protocol]netip.Prefix {
	all := map[*protocol]netip.Prefix{&ipv4: netip.PrefixFrom(n.Gateway, n.Subnet.Bits())}
	if n.Subnet6.IsValid() {
		all[&ipv6] = netip.PrefixFrom(n.Gateway6, n.Subnet6.Bits())
	}
	return all
}

func createBridge(n Network) error {
	for p := range protocolsOf(n) {
		if off, err := p.forwardingIsOff(); err != nil {
			return err
		} else if off {
			if err := os.WriteFile(p.forwarding, []byte("1"), 0o644); err != nil {
				return fmt.Errorf("enable %s forwarding: %w", p.name, err)
			}
		}
	}
	link, err := findBridge(n.Bridge)
	if err != nil {
		return err
	}
	if link == nil {
		if link, err = addBridge(n.Bridge); err != nil {
			return err
		}
	}
	if mac := bridgeMAC(n.Bridge); !bytes.Equal(link.HardwareAddr, mac) {
		if err := netlink.LinkSetHardwareAddr(link, mac); err != nil {
			return fmt.Errorf("set the MAC address: %w", err)
		}
	}
	gateways := protocolsOf(n)
	for _, p := range []*protocol{&ipv4, &ipv6} {
		if err := p.setAddress(link, gateways[p]); err != nil {
			return err
		}
	}
	if takes, err := takesAdvertisements(n.Bridge); err != nil {
		return err
	} else if takes {
		if err := os.WriteFile(advertisements(n.Bridge), []byte("0"), 0o644); err != nil {
			return fmt.Errorf("disable router advertisements: %w", err)
		}
	}
	if link.Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("set it up: %w", err)
		}
	}
	return nil
}

func addBridge(name string) (*netlink.Bridge, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	attrs.HardwareAddr = bridgeMAC(name)
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs}); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("add it: %w", err)
	}
	link, err := findBridge(name)
	if err == nil && link == nil {
		err = errors.New("it was removed right after its creation")
	}
	return link, err
}

// bridgeMAC returns a locally administered address that depends on the name alone. A bridge without one takes the lowest
// address of its ports and changes it as they come and go, which stalls the cells until they resolve it again.
func bridgeMAC(name string) net.HardwareAddr {
	sum := sha256.Sum256([]byte(name))
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2
	return mac
}

// findBridge returns nil when there is no link of that name, and an error when the link is no bridge.
func findBridge(name string) (*netlink.Bridge, error) {
	link, err := netlink.LinkByName(name)
	if missing := (netlink.LinkNotFoundError{}); errors.As(err, &missing) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find it: %w", err)
	}
	bridge, ok := link.(*netlink.Bridge)
	if !ok {
		return nil, fmt.Errorf("the link of that name is a %s", link.Type())
	}
	return bridge, nil
}

// setAddress makes address the only one of the link in the protocol, beside link-local ones. An invalid address means none of kuke's:
// others stay, which an administrator has given a bridge without IPv6.
func (p *protocol) setAddress(link netlink.Link, address netip.Prefix) error {
	have, err := p.addresses(link)
	if err != nil {
		return err
	}
	found := false
	for _, a := range have {
		if prefixOf(a) == address {
			found = true
			continue
		}
		if !address.IsValid() && a.Flags&unix.IFA_F_NODAD == 0 {
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove address %s: %w", a.IPNet, err)
		}
	}
	if found || !address.IsValid() {
		return nil
	}
	a := &netlink.Addr{IPNet: &net.IPNet{IP: address.Addr().AsSlice(), Mask: net.CIDRMask(address.Bits(), address.Addr().BitLen())}}
	if p == &ipv6 {
		a.Flags = unix.IFA_F_NODAD // a bridge without cells detects no duplicates, and its address would stay tentative
	}
	if err := netlink.AddrAdd(link, a); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add address %s: %w", address, err)
	}
	return nil
}

func removeBridge(n Network) error {
	link, err := findBridge(n.Bridge)
	if err == nil && link != nil {
		err = netlink.LinkDel(link)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("bridge %s: %w", n.Bridge, err)
	}
	return nil
}

func bridgeDrift(n Network) ([]string, error) {
	var drift []string
	gateways := protocolsOf(n)
	for _, p := range []*protocol{&ipv4, &ipv6} {
		if !gateways[p].IsValid() {
			continue
		}
		if off, err := p.forwardingIsOff(); err != nil {
			return nil, err
		} else if off {
			drift = append(drift, p.name+" forwarding is off")
		}
	}
	link, err := findBridge(n.Bridge)
	if err != nil {
		return append(drift, fmt.Sprintf("bridge %s: %v", n.Bridge, err)), nil
	}
	if link == nil {
		return append(drift, fmt.Sprintf("bridge %s is missing", n.Bridge)), nil
	}
	if link.Flags&net.FlagUp == 0 {
		drift = append(drift, fmt.Sprintf("bridge %s is down", n.Bridge))
	}
	if takes, err := takesAdvertisements(n.Bridge); err != nil {
		return nil, err
	} else if takes {
		drift = append(drift, fmt.Sprintf("bridge %s accepts IPv6 router advertisements", n.Bridge))
	}
	for _, p := range []*protocol{&ipv4, &ipv6} {
		if !gateways[p].IsValid() {
			continue
		}
		found, err := p.addressDrift(link, gateways[p])
		if err != nil {
			return nil, err
		}
		drift = append(drift, found...)
	}
	return drift, nil
}

func (p *protocol) addressDrift(link *netlink.Bridge, gateway netip.Prefix) (drift []string, err error) {
	have, err := p.addresses(link)
	if err != nil {
		return nil, err
	}
	lacks := true
	for _, a := range have {
		if found := prefixOf(a); found == gateway {
			lacks = false
		} else {
			drift = append(drift, fmt.Sprintf("bridge %s has address %s too", link.Name, found))
		}
	}
	if lacks {
		drift = append(drift, fmt.Sprintf("bridge %s lacks address %s", link.Name, gateway))
	}
	return drift, nil
}

func (p *protocol) forwardingIsOff() (bool, error) {
	value, err := os.ReadFile(p.forwarding)
	if err != nil {
		return false, fmt.Errorf("read whether %s is forwarded: %w", p.name, err)
	}
	return string(bytes.TrimSpace(value)) == "0", nil
}

// advertisements is the setting that makes the host accept addresses and routes from routers that announce themselves on the
// bridge, as any cell can do.
func advertisements(bridge string) string {
	return filepath.Join("/proc/sys/net/ipv6/conf", bridge, "accept_ra")
}

// takesAdvertisements returns false on a host without IPv6.
func takesAdvertisements(bridge string) (bool, error) {
	value, err := os.ReadFile(advertisements(bridge))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read whether it accepts router advertisements: %w", err)
	}
	return string(bytes.TrimSpace(value)) != "0", nil
}

// NoIPv6 says why networks can have no IPv6 on this host, or returns "".
func NoIPv6() (string, error) {
	for _, conf := range []string{"all", "default"} {
		value, err := os.ReadFile(filepath.Join("/proc/sys/net/ipv6/conf", conf, "disable_ipv6"))
		if errors.Is(err, fs.ErrNotExist) {
			return "the kernel of this host has none", nil
		}
		if err != nil {
			return "", fmt.Errorf("read whether IPv6 is enabled: %w", err)
		}
		if string(bytes.TrimSpace(value)) != "0" {
			return fmt.Sprintf("net.ipv6.conf.%s.disable_ipv6 is set on this host", conf), nil
		}
	}
	return "", nil
}
