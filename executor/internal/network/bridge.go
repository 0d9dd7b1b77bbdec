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

const forwarding = "/proc/sys/net/ipv4/ip_forward"

func createBridge(n Network) error {
	if off, err := forwardingIsOff(); err != nil {
		return err
	} else if off {
		if err := os.WriteFile(forwarding, []byte("1"), 0o644); err != nil {
			return fmt.Errorf("enable IPv4 forwarding: %w", err)
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
	if err := setAddress(link, gatewayPrefix(n)); err != nil {
		return err
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

// setAddress makes address the only IPv4 address of the link.
func setAddress(link netlink.Link, address netip.Prefix) error {
	have, err := addresses(link)
	if err != nil {
		return err
	}
	found := false
	for _, a := range have {
		if prefixOf(a) == address {
			found = true
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove address %s: %w", a.IPNet, err)
		}
	}
	if found {
		return nil
	}
	a := &netlink.Addr{IPNet: &net.IPNet{IP: address.Addr().AsSlice(), Mask: net.CIDRMask(address.Bits(), 32)}}
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
	if off, err := forwardingIsOff(); err != nil {
		return nil, err
	} else if off {
		drift = append(drift, "IPv4 forwarding is off")
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
	have, err := addresses(link)
	if err != nil {
		return nil, err
	}
	lacks := true
	for _, a := range have {
		if p := prefixOf(a); p == gatewayPrefix(n) {
			lacks = false
		} else {
			drift = append(drift, fmt.Sprintf("bridge %s has address %s too", n.Bridge, p))
		}
	}
	if lacks {
		drift = append(drift, fmt.Sprintf("bridge %s lacks address %s", n.Bridge, gatewayPrefix(n)))
	}
	return drift, nil
}

func forwardingIsOff() (bool, error) {
	value, err := os.ReadFile(forwarding)
	if err != nil {
		return false, fmt.Errorf("read whether IPv4 is forwarded: %w", err)
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

// gatewayPrefix returns the address of the bridge with the mask of the subnet.
func gatewayPrefix(n Network) netip.Prefix { return netip.PrefixFrom(n.Gateway, n.Subnet.Bits()) }
