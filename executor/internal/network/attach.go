package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/vishvananda/netlink"

	"github.com/kukeon/kuke/executor/internal/netns"
)

// undoTimeout is the time that plugins have to undo a failed attachment.
const undoTimeout = 2 * time.Minute

// Attachment ties a cell to the network of a space.
type Attachment struct {
	// ID is the id of the cell, and CNI's container id.
	ID string
	// NetNS is the path of the pin of the cell's network namespace.
	NetNS string
	// Interface is the name of the link to create in it, like eth0.
	Interface string
	// Network has at least a Name, Bridge, Subnet and Gateway.
	Network Network
	// Address is a free address in the subnet.
	Address netip.Addr
	// Address6 is a free address in the IPv6 subnet, invalid where the network has none.
	Address6 netip.Addr
	// MAC is the address of the interface on the link, nil for one that follows from Address.
	MAC net.HardwareAddr
	// DefaultRoute makes this interface the default route.
	DefaultRoute bool
	// Ports are published on the host. Detach only needs to know whether there are any.
	Ports []PortMapping
}

// PortMapping publishes one port of a cell on the host.
type PortMapping struct {
	// HostIP is an address of the host; the zero value means all, of IPv6 only for a cell with an IPv6 address. An unspecified
	// address means all of its family.
	HostIP                  netip.Addr
	HostPort, ContainerPort uint16
	// Protocol is tcp, udp or sctp.
	Protocol string
}

// Attach creates the interface with its address and routes in the cell's network namespace, and publishes the ports. When it
// fails it undoes its changes, and keeps an existing interface of that name.
func (h *Host) Attach(ctx context.Context, a Attachment) error {
	if err := h.attach(ctx, a); err != nil {
		return fmt.Errorf("attach %s to network %s: %w", a.ID, a.Network.Name, err)
	}
	return nil
}

func (h *Host) attach(ctx context.Context, a Attachment) error {
	if !a.Network.Subnet.Contains(a.Address) {
		return fmt.Errorf("address %s isn't in subnet %s", a.Address, a.Network.Subnet)
	}
	if a.Address6.IsValid() != a.Network.Subnet6.IsValid() || a.Address6.IsValid() && !a.Network.Subnet6.Contains(a.Address6) {
		return fmt.Errorf("address %s isn't in subnet %s", a.Address6, a.Network.Subnet6)
	}
	for _, p := range a.Ports {
		// The plugin would ignore it silently.
		if p.HostIP.Is6() && !a.Address6.IsValid() {
			return fmt.Errorf("port %d is published on %s, but the cell has no IPv6 address", p.HostPort, p.HostIP)
		}
	}
	// The plugin would create a bridge without an address.
	if link, err := findBridge(a.Network.Bridge); err != nil {
		return fmt.Errorf("bridge %s: %w", a.Network.Bridge, err)
	} else if link == nil {
		return fmt.Errorf("bridge %s is missing", a.Network.Bridge)
	}
	if err := inside(a.NetNS, func(h *netlink.Handle) error { return checkFree(h, a.Interface) }); err != nil {
		return err
	}
	if a.Address6.IsValid() {
		if err := netns.Do(a.NetNS, refuseAdvertisements); err != nil {
			return err
		}
	}
	list, err := listFor(a, true)
	if err != nil {
		return err
	}
	h.cache.RLock()
	defer h.cache.RUnlock()
	defer h.holdPorts(len(a.Ports) > 0)()
	if _, err := h.cni.AddNetworkList(ctx, list, runtimeConf(a)); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		if undone := h.detach(ctx, a); undone != nil {
			err = errors.Join(err, fmt.Errorf("undo it: %w", undone))
		}
		return err
	}
	if len(a.Ports) > 0 {
		h.hostports.Store(true)
	}
	return nil
}

// refuseAdvertisements keeps interfaces to come, in the network namespace of the calling thread, from taking addresses and
// routes from routers that announce themselves on the bridge, as any cell can do.
func refuseAdvertisements() error {
	if err := os.WriteFile(advertisements("default"), []byte("0"), 0o644); err != nil {
		return fmt.Errorf("disable router advertisements: %w", err)
	}
	return nil
}

func checkFree(h *netlink.Handle, name string) error {
	_, err := h.LinkByName(name)
	if missing := (netlink.LinkNotFoundError{}); errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find interface %s: %w", name, err)
	}
	return fmt.Errorf("interface %s exists already", name)
}

// Detach undoes Attach. A missing interface, bridge or network namespace is no error: for a cell without a pin it removes
// the published ports and libcni's cached result.
func (h *Host) Detach(ctx context.Context, a Attachment) error {
	h.cache.RLock()
	defer h.cache.RUnlock()
	h.ports.RLock()
	defer h.ports.RUnlock()
	if err := h.detach(ctx, a); err != nil {
		return fmt.Errorf("detach %s from network %s: %w", a.ID, a.Network.Name, err)
	}
	return nil
}

// DetachAll undoes every Attach for the cell, by libcni's cached results.
func (h *Host) DetachAll(ctx context.Context, id, pin string) error {
	h.cache.RLock()
	defer h.cache.RUnlock()
	h.ports.RLock()
	defer h.ports.RUnlock()
	attachments, err := h.cni.GetCachedAttachments(id)
	if err != nil {
		return fmt.Errorf("detach %s: %w", id, err)
	}
	_, err = netns.PinInode(pin)
	gone := errors.Is(err, fs.ErrNotExist)
	for _, a := range attachments {
		if a.ContainerID != id {
			continue
		}
		list, err := libcni.NetworkConfFromBytes(a.Config)
		if err != nil {
			return fmt.Errorf("detach %s from network %s: %w", id, a.Network, err)
		}
		rt := &libcni.RuntimeConf{ContainerID: id, NetNS: pin, IfName: a.IfName, CapabilityArgs: a.CapabilityArgs}
		if gone {
			rt.NetNS = ""
		}
		if err := h.cni.DelNetworkList(ctx, list, rt); err != nil {
			return fmt.Errorf("detach %s from network %s: %w", id, a.Network, err)
		}
	}
	return nil
}

func (h *Host) detach(ctx context.Context, a Attachment) error {
	_, err := netns.PinInode(a.NetNS)
	gone := errors.Is(err, fs.ErrNotExist)
	if err != nil && !gone {
		return err
	}
	// Without the namespace the bridge plugin has nothing to do.
	list, err := listFor(a, !gone)
	if err != nil {
		return err
	}
	rt := runtimeConf(a)
	if gone {
		rt.NetNS = ""
	}
	return h.cni.DelNetworkList(ctx, list, rt)
}

// listFor returns the conflist in memory, without the plugins that have nothing to do: each costs a process.
func listFor(a Attachment, bridge bool) (*libcni.NetworkConfigList, error) {
	text, err := conflistOf(a.Network, bridge, a.DefaultRoute, len(a.Ports) > 0)
	if err != nil {
		return nil, fmt.Errorf("encode the conflist: %w", err)
	}
	if !bridge && len(a.Ports) == 0 {
		// libcni parses no list without plugins, but removes the cached result for one.
		return &libcni.NetworkConfigList{Name: a.Network.Name, CNIVersion: "1.0.0", Bytes: text}, nil
	}
	return libcni.NetworkConfFromBytes(text)
}

// hardwareAddress returns a locally administered address that follows from the IP address, so that a replaced cell with the
// same address is reached by peers that have cached it.
func hardwareAddress(addr netip.Addr) net.HardwareAddr {
	b := addr.As4()
	return net.HardwareAddr{0x0a, 0x58, b[0], b[1], b[2], b[3]}
}

func (a *Attachment) hardwareAddress() net.HardwareAddr {
	if a.MAC != nil {
		return a.MAC
	}
	return hardwareAddress(a.Address)
}

func runtimeConf(a Attachment) *libcni.RuntimeConf {
	type mapping struct {
		HostPort      uint16 `json:"hostPort"`
		ContainerPort uint16 `json:"containerPort"`
		Protocol      string `json:"protocol"`
		HostIP        string `json:"hostIP,omitempty"`
	}
	args := map[string]any{}
	// The caller of Detach may not know it, and the plugins don't need it.
	if a.Address.Is4() {
		ips := []string{netip.PrefixFrom(a.Address, a.Network.Subnet.Bits()).String()}
		if a.Address6.IsValid() {
			ips = append(ips, netip.PrefixFrom(a.Address6, a.Network.Subnet6.Bits()).String())
		}
		args["ips"] = ips
		args["mac"] = a.hardwareAddress().String()
	}
	if len(a.Ports) > 0 {
		var ports []mapping
		for _, p := range a.Ports {
			m := mapping{HostPort: p.HostPort, ContainerPort: p.ContainerPort, Protocol: p.Protocol}
			if p.HostIP.IsValid() {
				m.HostIP = p.HostIP.String()
			}
			ports = append(ports, m)
		}
		args["portMappings"] = ports
	}
	return &libcni.RuntimeConf{ContainerID: a.ID, NetNS: a.NetNS, IfName: a.Interface, CapabilityArgs: args}
}
