package state

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/kukeon/kuke/config/resource"
)

// validate makes sure that the status holds the values that every command needs.
func (r *Record) validate() error {
	s := &r.Status
	if r.Path.IsVolume() {
		return r.validateVolume()
	}
	switch {
	case s.Namespace == "":
		return errors.New("its status names no containerd namespace")
	case s.Cgroup == "":
		return errors.New("its status names no cgroup")
	case !strings.HasPrefix(s.Cgroup, "/kukeon/") || path.Clean(s.Cgroup) != s.Cgroup:
		return fmt.Errorf("its status names the cgroup %q, which is not one of kuke's", s.Cgroup)
	case r.Path.Kind() == resource.KindContainer && s.ContainerID == "":
		return errors.New("its status names no containerd container")
	}
	if s.Network != nil {
		if err := s.Network.validate(); err != nil {
			return fmt.Errorf("the network in its status %w", err)
		}
	}
	if s.Attachment == nil {
		return nil
	}
	for _, i := range s.Attachment.Interfaces {
		if err := i.validate(); err != nil {
			return fmt.Errorf("the interface %q in its status %w", i.Name, err)
		}
	}
	if err := s.Attachment.ValidateMode(); err != nil {
		return fmt.Errorf("the attachment in its status %w", err)
	}
	if err := s.Attachment.ValidateEtc(); err != nil {
		return fmt.Errorf("the attachment in its status %w", err)
	}
	for _, text := range s.Attachment.Published {
		if _, err := resource.ParsePort(text); err != nil {
			return fmt.Errorf("its status has the published port %q: %w", text, err)
		}
	}
	return nil
}

func (n *Network) validate() error {
	subnet, err := netip.ParsePrefix(n.Subnet)
	if err != nil || !subnet.Addr().Is4() {
		return fmt.Errorf("has the subnet %q", n.Subnet)
	}
	if gateway, err := netip.ParseAddr(n.Gateway); err != nil || !subnet.Contains(gateway) {
		return fmt.Errorf("has the gateway %q", n.Gateway)
	}
	if n.Subnet6 != "" || n.Gateway6 != "" {
		subnet6, err := netip.ParsePrefix(n.Subnet6)
		if err != nil || !subnet6.Addr().Is6() {
			return fmt.Errorf("has the IPv6 subnet %q", n.Subnet6)
		}
		if gateway, err := netip.ParseAddr(n.Gateway6); err != nil || !subnet6.Contains(gateway) {
			return fmt.Errorf("has the IPv6 gateway %q", n.Gateway6)
		}
	}
	if n.Name == "" || n.File == "" || n.Bridge == "" {
		return errors.New("has no name, no file or no bridge")
	}
	return nil
}

func (i *Interface) validate() error {
	if p, err := resource.ParsePath(string(i.Space)); err != nil || p.Kind() != resource.KindSpace || i.Name == "" {
		return fmt.Errorf("is in the space %q", i.Space)
	}
	if err := i.Network.validate(); err != nil {
		return err
	}
	if address, err := netip.ParsePrefix(i.Address); err != nil || address.Masked().String() != i.Network.Subnet {
		return fmt.Errorf("has the address %q", i.Address)
	}
	if !i.ValidAddress6() {
		return fmt.Errorf("has the IPv6 address %q", i.Address6)
	}
	if _, err := net.ParseMAC(i.MAC); i.MAC != "" && err != nil {
		return fmt.Errorf("has the MAC address %q", i.MAC)
	}
	return nil
}

// ValidAddress6 reports whether the interface has an IPv6 address in the subnet of its network, or neither exists.
func (i *Interface) ValidAddress6() bool {
	if i.Address6 == "" || i.Network.Subnet6 == "" {
		return i.Address6 == i.Network.Subnet6
	}
	address, err := netip.ParsePrefix(i.Address6)
	return err == nil && address.Masked().String() == i.Network.Subnet6
}

// ValidateMode makes sure that a cell without the network of its space has no part of it.
func (a *Attachment) ValidateMode() error {
	switch {
	case a.Mode == "":
	case a.Mode != resource.NetworkHost && a.Mode != resource.NetworkNone:
		return fmt.Errorf("has the network %q", a.Mode)
	case len(a.Interfaces) > 0 || len(a.Published) > 0:
		return fmt.Errorf("has the network %q, and interfaces or ports", a.Mode)
	}
	return nil
}

// ValidateEtc makes sure that the values fit into lines of files in /etc.
func (e *Etc) ValidateEtc() error {
	for _, name := range []string{e.Hostname, e.Domainname} {
		if err := resource.CheckHostName(name); name != "" && err != nil {
			return fmt.Errorf("has the name %q", name)
		}
	}
	for _, server := range e.DNS {
		if _, err := netip.ParseAddr(server); err != nil {
			return fmt.Errorf("has the DNS server %q", server)
		}
	}
	for _, word := range slices.Concat(e.DNSSearch, e.DNSOptions) {
		if word == "" || strings.ContainsFunc(word, unicode.IsSpace) {
			return fmt.Errorf("has the word %q for resolv.conf", word)
		}
	}
	for _, text := range e.ExtraHosts {
		if h, err := resource.ParseExtraHost(text); err != nil || !h.Address.IsValid() {
			return fmt.Errorf("has the extra host %q", text)
		}
	}
	return nil
}
