package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kukeon/kuke/planner/state/durable"
)

type conflist struct {
	CNIVersion string `json:"cniVersion"`
	Name       string `json:"name"`
	Path       string `json:"kukeon.io/path,omitempty"`
	Project    string `json:"kukeon.io/project,omitempty"`
	Plugins    []any  `json:"plugins"`
}

// bridgePlugin configures no address and no masquerading: this package does both, and creates the bridge.
type bridgePlugin struct {
	Type         string          `json:"type"`
	Bridge       string          `json:"bridge"`
	IsGateway    bool            `json:"isGateway"`
	IPMasq       bool            `json:"ipMasq"`
	HairpinMode  bool            `json:"hairpinMode"`
	Capabilities map[string]bool `json:"capabilities"`
	IPAM         ipam            `json:"ipam"`
}

// ipam is for the static plugin, which takes the addresses of each ADD from the capability "ips". It ignores the subnets, which
// inform programs that look for a free one.
type ipam struct {
	Type    string  `json:"type"`
	Subnet  string  `json:"subnet"`
	Subnet6 string  `json:"subnet6,omitempty"`
	Routes  []route `json:"routes,omitempty"`
}

type route struct {
	Dst string `json:"dst"`
	GW  string `json:"gw"`
}

// portmapPlugin names the backend: a newer plugin might default to another one than this package reads.
type portmapPlugin struct {
	Type         string          `json:"type"`
	Capabilities map[string]bool `json:"capabilities"`
	SNAT         bool            `json:"snat"`
	Backend      string          `json:"backend"`
}

// conflistOf returns the network's conflist or, with other arguments, the part of it that one ADD or DEL needs.
func conflistOf(n Network, bridge, defaultRoute, portmap bool) ([]byte, error) {
	list := conflist{CNIVersion: "1.0.0", Name: n.Name, Path: n.Path, Project: n.Project, Plugins: []any{}}
	if bridge {
		b := bridgePlugin{
			Type: "bridge", Bridge: n.Bridge, HairpinMode: true, Capabilities: map[string]bool{"ips": true, "mac": true},
			IPAM: ipam{Type: "static", Subnet: n.Subnet.Masked().String()},
		}
		if n.Subnet6.IsValid() {
			b.IPAM.Subnet6 = n.Subnet6.Masked().String()
		}
		if defaultRoute {
			b.IPAM.Routes = []route{{Dst: "0.0.0.0/0", GW: n.Gateway.String()}}
		}
		if defaultRoute && n.Subnet6.IsValid() {
			b.IPAM.Routes = append(b.IPAM.Routes, route{Dst: "::/0", GW: n.Gateway6.String()})
		}
		list.Plugins = append(list.Plugins, b)
	}
	if portmap {
		list.Plugins = append(list.Plugins, portmapPlugin{
			Type: "portmap", Capabilities: map[string]bool{"portMappings": true}, SNAT: true, Backend: "iptables",
		})
	}
	text, err := json.MarshalIndent(list, "", "  ")
	return append(text, '\n'), err
}

func (h *Host) conflistPath(n Network) string { return filepath.Join(h.config.ConfDir, n.ConflistFile) }

// writeConflist does not rewrite an unchanged file: other programs watch the directory.
func (h *Host) writeConflist(n Network) error {
	want, err := conflistOf(n, true, true, true)
	if err != nil {
		return fmt.Errorf("encode the conflist: %w", err)
	}
	path := h.conflistPath(n)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) {
		return nil
	}
	if err := os.MkdirAll(h.config.ConfDir, 0o755); err != nil {
		return fmt.Errorf("write the conflist: %w", err)
	}
	if err := durable.WriteFile(path, want, 0o644); err != nil {
		return fmt.Errorf("write the conflist: %w", err)
	}
	return nil
}

func (h *Host) removeConflist(n Network) error {
	if err := durable.Remove(h.conflistPath(n)); err != nil {
		return fmt.Errorf("conflist: %w", err)
	}
	return nil
}

func (h *Host) conflistDrift(n Network) ([]string, error) {
	path := h.conflistPath(n)
	want, err := conflistOf(n, true, true, true)
	if err != nil {
		return nil, fmt.Errorf("encode the conflist: %w", err)
	}
	have, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return []string{fmt.Sprintf("conflist %s is missing", path)}, nil
	case err != nil:
		return nil, fmt.Errorf("read the conflist: %w", err)
	case !bytes.Equal(have, want):
		return []string{fmt.Sprintf("conflist %s was changed", path)}, nil
	}
	return nil, nil
}
