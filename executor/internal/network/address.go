package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/internal/netns"
)

// Addresses returns the first IPv4 address and the first IPv6 address of each interface in the network namespace pinned at path,
// by the interface's name. The loopback, link-local addresses and interfaces without an address are left out. The error matches
// [io/fs.ErrNotExist] when no namespace is pinned there.
func Addresses(path string) (found, found6 map[string]netip.Prefix, err error) {
	found, found6 = map[string]netip.Prefix{}, map[string]netip.Prefix{}
	err = inside(path, func(h *netlink.Handle) error {
		links, err := again(h.LinkList)
		if err != nil {
			return err
		}
		for _, link := range links {
			if link.Attrs().Flags&net.FlagLoopback != 0 {
				continue
			}
			have, err := again(func() ([]netlink.Addr, error) { return h.AddrList(link, netlink.FAMILY_ALL) })
			if err != nil {
				return err
			}
			for _, a := range have {
				of, p := found, prefixOf(a)
				if p.Addr().Is6() {
					of = found6
				}
				if _, known := of[link.Attrs().Name]; !known && !isLinkLocal6(p.Addr()) {
					of[link.Attrs().Name] = p
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the addresses in %s: %w", path, err)
	}
	return found, found6, nil
}

// Uplink is the connection of a cell's interface.
type Uplink struct {
	// Bridge is the bridge of its other end, empty where that has none.
	Bridge string
	// MAC is the address of the interface on the link.
	MAC string
	// Up says that both ends are up, Default and Default6 that the default routes of IPv4 and IPv6 use it.
	Up, Default, Default6 bool
}

// Uplinks returns the connection of each interface but the loopback in the network namespace pinned at path, by the
// interface's name. The error matches [io/fs.ErrNotExist] when no namespace is pinned there.
func Uplinks(path string) (map[string]Uplink, error) {
	found, peers := map[string]Uplink{}, map[string]int{}
	err := inside(path, func(h *netlink.Handle) error {
		links, err := again(h.LinkList)
		if err != nil {
			return err
		}
		routes, err := again(func() ([]netlink.Route, error) { return h.RouteList(nil, netlink.FAMILY_ALL) })
		if err != nil {
			return err
		}
		for _, link := range links {
			a := link.Attrs()
			if a.Flags&net.FlagLoopback != 0 {
				continue
			}
			isDefault := func(family int) bool {
				return slices.ContainsFunc(routes, func(r netlink.Route) bool {
					return r.Family == family && r.LinkIndex == a.Index && prefix(r.Dst).Bits() <= 0
				})
			}
			found[a.Name] = Uplink{
				MAC: a.HardwareAddr.String(), Up: a.Flags&net.FlagUp != 0,
				Default: isDefault(netlink.FAMILY_V4), Default6: isDefault(netlink.FAMILY_V6),
			}
			peers[a.Name] = a.ParentIndex
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the interfaces in %s: %w", path, err)
	}
	for name, peer := range peers {
		u := found[name]
		link, err := netlink.LinkByIndex(peer)
		u.Up = u.Up && err == nil && link.Attrs().Flags&net.FlagUp != 0
		if err == nil && link.Attrs().MasterIndex != 0 {
			if bridge, err := netlink.LinkByIndex(link.Attrs().MasterIndex); err == nil {
				u.Bridge = bridge.Attrs().Name
			}
		}
		found[name] = u
	}
	return found, nil
}

// inside calls f with a socket in the network namespace pinned at path.
func inside(path string, f func(*netlink.Handle) error) error {
	// After a reboot the pin is an empty file, and no namespace.
	if _, err := netns.PinInode(path); err != nil {
		return err
	}
	pin, err := os.Open(path)
	if err != nil {
		return err
	}
	defer pin.Close()
	h, err := netlink.NewHandleAt(vnetns.NsHandle(pin.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	return f(h)
}

// addresses returns the addresses of a link in the protocol, or of all links when it is nil, without link-local ones of IPv6.
func (p *protocol) addresses(link netlink.Link) ([]netlink.Addr, error) {
	have, err := again(func() ([]netlink.Addr, error) { return netlink.AddrList(link, p.family) })
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return slices.DeleteFunc(have, func(a netlink.Addr) bool { return isLinkLocal6(prefixOf(a).Addr()) }), nil
}

func isLinkLocal6(a netip.Addr) bool { return a.Is6() && a.IsLinkLocalUnicast() }

// again repeats a listing that a change has disturbed, as the kernel reports while cells come and go.
func again[T any](list func() (T, error)) (T, error) {
	for range 100 {
		if v, err := list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return v, err
		}
	}
	return list()
}

func prefixOf(a netlink.Addr) netip.Prefix { return prefix(a.IPNet) }

// prefix returns the zero value when there is no network in n.
func prefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	addr, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), bits)
}
