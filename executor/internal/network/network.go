// Package network creates the network of a space and attaches cells to it.
//
// A network has three parts on the host: a Linux bridge that carries the gateway's address, a CNI conflist from which libcni
// runs the bridge and portmap plugins for each cell, and an nftables table of family inet that does the masquerading,
// isolates spaces and drops forbidden packets of cells. They are created once per space, so that a cell costs two short
// plugin runs, and iptables only when it publishes ports.
//
// The package decides nothing: the caller chooses names, subnets, addresses and ports. Between calls it keeps only libcni's
// cache of results, and no address allocations.
package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
)

// BridgePrefix begins the names of the bridges of all spaces. The firewall of a space recognises the others by it.
const BridgePrefix = "kuke-"

// Config holds the directories of this host.
type Config struct {
	// PluginDirs are searched in order for CNI plugins.
	PluginDirs []string
	// ConfDir is for conflists: /etc/cni/net.d.
	ConfDir string
	// CacheDir is for libcni's results: /run/kukeon/cni.
	CacheDir string
	// PluginTimeout is the maximum duration of one plugin run, 0 for no limit.
	PluginTimeout time.Duration
}

// Host creates networks and attaches cells on this host, in the network namespace of the process. Its methods are safe for
// concurrent use.
type Host struct {
	config Config
	cni    *libcni.CNIConfig
	// cache is held for reading while libcni may write below CacheDir.
	cache sync.RWMutex
	// ports is held for reading while ports may be published, which needs chains that are removed with the last port, and for
	// writing while those chains are created and removed. hostports says that they exist.
	ports     sync.RWMutex
	hostports atomic.Bool
	// firewall is held over each change of a table and its reading back.
	firewall sync.Mutex
	// accepting is held while kuke's rules in iptables' chain FORWARD are added or removed.
	accepting sync.Mutex
}

// New returns the host that c describes. It changes nothing.
func New(c Config) *Host {
	return &Host{config: c, cni: libcni.NewCNIConfigWithCacheDir(c.PluginDirs, c.CacheDir, plugins{&invoke.DefaultExec{}, c.PluginTimeout})}
}

// Network is the network of a space.
type Network struct {
	// Name is the name of the CNI network and, with "_" for "-", of the nftables table, so that the names of two networks must
	// differ in more than these characters.
	Name string
	// Bridge is the name of the link, which begins with BridgePrefix and has at most 15 characters.
	Bridge string
	// ConflistFile is the name of the file in [Config.ConfDir].
	ConflistFile string
	// Path and Project record the owner of the network in the conflist, in case all other records are lost.
	Path, Project string
	// Subnet is an IPv4 subnet, and Gateway the address in it that the bridge has.
	Subnet  netip.Prefix
	Gateway netip.Addr
	// Subnet6 is an IPv6 subnet, and Gateway6 the address in it that the bridge has; both are invalid without IPv6.
	Subnet6  netip.Prefix
	Gateway6 netip.Addr
	// Internal drops all new connections out of the space, whatever Deny and Allow say. Published ports still work.
	Internal bool
	// Deny drops new connections out of the space, and to the host itself, unless Allow allows them.
	Deny  bool
	Allow []Allow
}

// Allow allows connections where the default is to deny them. It opens no other space.
type Allow struct {
	// Destination may be an IPv4 or an IPv6 subnet.
	Destination netip.Prefix
	// Protocol is tcp, udp or sctp, or empty for all, ICMP included.
	Protocol string
	// First and Last are the ports; both 0 for all of them, Last 0 for First alone.
	First, Last uint16
}

// check refuses a network that would be invalid or not isolated.
func (n *Network) check() error {
	switch {
	case n.Name == "" || n.ConflistFile == "" || filepath.Base(n.ConflistFile) != n.ConflistFile:
		return fmt.Errorf("name %q and conflist %q don't name a network and a file", n.Name, n.ConflistFile)
	case !strings.HasPrefix(n.Bridge, BridgePrefix) || len(n.Bridge) > maxLinkName:
		return fmt.Errorf("bridge name %q must begin with %s and have at most %d characters", n.Bridge, BridgePrefix, maxLinkName)
	case !n.Subnet.IsValid() || !n.Subnet.Addr().Is4() || !n.Subnet.Contains(n.Gateway):
		return fmt.Errorf("gateway %s is no address in an IPv4 subnet %s", n.Gateway, n.Subnet)
	case n.Subnet6.IsValid() && (!n.Subnet6.Addr().Is6() || !n.Subnet6.Contains(n.Gateway6)):
		return fmt.Errorf("gateway %s is no address in an IPv6 subnet %s", n.Gateway6, n.Subnet6)
	}
	for _, a := range n.Allow {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

// Create creates the bridge, the conflist and the firewall table of n, or repairs those that differ, and enables
// forwarding, of IPv6 only where n has it. Where iptables' chain FORWARD drops the packets of the network, it adds rules that accept them. It ends only
// those connections of cells that n forbids. The digest is of the table as read back from the kernel, for [Host.Drift].
func (h *Host) Create(n Network) (digest string, err error) {
	if err := n.check(); err != nil {
		return "", fmt.Errorf("create network %s: %w", n.Name, err)
	}
	// The table comes first: no packet crosses the bridge without it.
	if digest, err = h.createTable(n); err != nil {
		return "", fmt.Errorf("create network %s: firewall: %w", n.Name, err)
	}
	if err := h.letPass(n.Bridge, n.Subnet6.IsValid()); err != nil {
		return "", fmt.Errorf("create network %s: firewall: %w", n.Name, err)
	}
	if err := createBridge(n); err != nil {
		return "", fmt.Errorf("create network %s: bridge %s: %w", n.Name, n.Bridge, err)
	}
	if err := h.writeConflist(n); err != nil {
		return "", fmt.Errorf("create network %s: %w", n.Name, err)
	}
	if err := endForbidden(n); err != nil {
		return "", fmt.Errorf("create network %s: %w", n.Name, err)
	}
	return digest, nil
}

// Remove removes the parts that Create created. Missing parts are no error. [Config.ConfDir] stays; [Config.CacheDir] is
// removed when it is empty.
func (h *Host) Remove(n Network) error {
	err := errors.Join(h.removeConflist(n), removeBridge(n), h.removeTable(n), h.stopPassing(), h.removeHostportChains())
	if err != nil {
		return fmt.Errorf("remove network %s: %w", n.Name, err)
	}
	// The holder of the lock is using the directory, or removing it too.
	if h.cache.TryLock() {
		defer h.cache.Unlock()
		_ = os.Remove(filepath.Join(h.config.CacheDir, "results"))
		_ = os.Remove(h.config.CacheDir)
	}
	return nil
}

// Drift describes, in short phrases, each difference from the network that Create created from n with the result digest.
func (h *Host) Drift(n Network, digest string) ([]string, error) {
	var all []string
	for _, find := range []func() ([]string, error){
		func() ([]string, error) { return bridgeDrift(n) },
		func() ([]string, error) { return h.conflistDrift(n) },
		func() ([]string, error) { return h.tableDrift(n, digest) },
	} {
		found, err := find()
		if err != nil {
			return nil, fmt.Errorf("compare network %s: %w", n.Name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// MissingPlugins returns the names of required programs that are missing: the CNI plugins bridge and static, and for
// published ports also portmap and the program iptables, and ip6tables with IPv6.
func (h *Host) MissingPlugins(published, ipv6 bool) []string {
	needed := []string{"bridge", "static"}
	if published {
		needed = append(needed, "portmap")
	}
	var missing []string
	for _, plugin := range needed {
		if _, err := invoke.FindInPath(plugin, h.config.PluginDirs); err != nil {
			missing = append(missing, plugin)
		}
	}
	if published {
		if _, err := findProgram("iptables"); err != nil {
			missing = append(missing, "iptables")
		}
		if _, err := findProgram("ip6tables"); ipv6 && err != nil {
			missing = append(missing, "ip6tables")
		}
	}
	return missing
}

// systemDirs hold root's programs, and may be missing in PATH.
var systemDirs = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// findProgram returns an error that matches [fs.ErrNotExist] when the program is missing.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range systemDirs {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("find the program %s: %w", name, fs.ErrNotExist)
}
