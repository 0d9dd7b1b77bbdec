package network

import (
	"encoding/json"
	"fmt"
	"net/netip"
)

// Remembered is an attachment in libcni's cache.
type Remembered struct {
	Network, Interface string
	Address            netip.Prefix
	Address6           netip.Prefix // invalid where it has none
	Ports              []PortMapping
}

// Remembered returns the attachments of the cell that are in libcni's cache.
func (h *Host) Remembered(id string) ([]Remembered, error) {
	h.cache.RLock()
	defer h.cache.RUnlock()
	attachments, err := h.cni.GetCachedAttachments(id)
	if err != nil {
		return nil, fmt.Errorf("look up the attachments of %s: %w", id, err)
	}
	var all []Remembered
	for _, a := range attachments {
		if a.ContainerID != id {
			continue
		}
		data, err := json.Marshal(a.CapabilityArgs)
		if err != nil {
			return nil, fmt.Errorf("look up the attachments of %s: %w", id, err)
		}
		var args struct {
			IPs          []netip.Prefix `json:"ips"`
			PortMappings []struct {
				HostPort      uint16 `json:"hostPort"`
				ContainerPort uint16 `json:"containerPort"`
				Protocol      string `json:"protocol"`
				HostIP        string `json:"hostIP"`
			} `json:"portMappings"`
		}
		if err := json.Unmarshal(data, &args); err != nil || len(args.IPs) == 0 {
			continue // of another version of libcni: attaching again finds the interface
		}
		r := Remembered{Network: a.Network, Interface: a.IfName, Address: args.IPs[0]}
		if len(args.IPs) > 1 {
			r.Address6 = args.IPs[1]
		}
		for _, m := range args.PortMappings {
			ip, _ := netip.ParseAddr(m.HostIP) // invalid means every address
			r.Ports = append(r.Ports, PortMapping{HostIP: ip, HostPort: m.HostPort, ContainerPort: m.ContainerPort, Protocol: m.Protocol})
		}
		all = append(all, r)
	}
	return all, nil
}
