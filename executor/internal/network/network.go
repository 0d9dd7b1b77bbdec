// Package network makes the network of a space and ties cells to it, one step at a time.
//
// A network has three parts on the host: a Linux bridge that carries the gateway's address, a CNI conflist from which
// libcni runs the bridge and portmap plugins for each cell, and an nftables table of family inet that does the
// masquerading, keeps spaces apart and holds back what a cell may not send. They are made once per space, so that a cell
// costs two short plugin runs, and iptables only when it publishes ports.
//
// The package decides nothing: names, subnets, addresses and ports are the caller's. It keeps nothing between calls but
// libcni's cache of results, and no address allocations at all.
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

// BridgePrefix begins the names of the bridges of all spaces. It is how the firewall of one space knows the others.
const BridgePrefix = "kuke-"

// Config says where things are on this host.
type Config struct {
	// PluginDirs are searched in order for CNI plugins.
	PluginDirs []string
	// ConfDir is for conflists: /etc/cni/net.d.
	ConfDir string
	// CacheDir is for libcni's results: /run/kukeon/cni.
	CacheDir string
	// PluginTimeout is how long one run of a plugin may take, 0 for as long as it takes.
	PluginTimeout time.Duration
}

// Host makes networks and attaches cells on this host, in the network namespace of the process. Its methods are safe
// for concurrent use.
type Host struct {
	config Config
	cni    *libcni.CNIConfig
	// cache is held for reading while libcni may write below CacheDir.
	cache sync.RWMutex
	// ports is held for reading while ports may be published, which needs chains that go with the last of them, and for
	// writing while those chains come and go. hostports says that they are there.
	ports     sync.RWMutex
	hostports atomic.Bool
	// firewall makes one of each change of a table and the reading back of it.
	firewall sync.Mutex
	// accepting is held while kuke's rules in iptables' chain FORWARD come or go.
	accepting sync.Mutex
}

// New returns the host that c describes. It changes nothing.
func New(c Config) *Host {
	return &Host{config: c, cni: libcni.NewCNIConfigWithCacheDir(c.PluginDirs, c.CacheDir, plugins{&invoke.DefaultExec{}, c.PluginTimeout})}
}

// Network is the network of a space.
type Network struct {
	// Name is that of the CNI network. With "_" for "-" it is also that of the nftables table, so two networks must
	// differ in more than that.
	Name string
	// Bridge is the name of the link, which begins with BridgePrefix and has at most 15 characters.
	Bridge string
	// ConflistFile is the name of the file in [Config.ConfDir].
	ConflistFile string
	// Path and Project tell whose the network is, in the conflist, for when nothing else does any more.
	Path, Project string
	// Subnet is of IPv4, and Gateway the address in it that the bridge has.
	Subnet  netip.Prefix
	Gateway netip.Addr
	// Internal lets no new connection leave the space, whatever Deny and Allow say. Published ports still work.
	Internal bool
	// Deny drops new connections out of the space, and to the host itself, that no Allow lets pass.
	Deny  bool
	Allow []Allow
}

// Allow lets connections pass where the default is to deny them. It opens no other space.
type Allow struct {
	// Destination may be of IPv4 or IPv6.
	Destination netip.Prefix
	// Protocol is tcp, udp or sctp, or empty for all, ICMP included.
	Protocol string
	// First and Last are the ports; both 0 for all of them, Last 0 for First alone.
	First, Last uint16
}

// check finds what would make a network that isn't one, or one that isn't isolated.
func (n *Network) check() error {
	switch {
	case n.Name == "" || n.ConflistFile == "" || filepath.Base(n.ConflistFile) != n.ConflistFile:
		return fmt.Errorf("name %q and conflist %q don't name a network and a file", n.Name, n.ConflistFile)
	case !strings.HasPrefix(n.Bridge, BridgePrefix) || len(n.Bridge) > maxLinkName:
		return fmt.Errorf("bridge name %q has to begin with %s and have at most %d characters", n.Bridge, BridgePrefix, maxLinkName)
	case !n.Subnet.IsValid() || !n.Subnet.Addr().Is4() || !n.Subnet.Contains(n.Gateway):
		return fmt.Errorf("gateway %s is no address in an IPv4 subnet %s", n.Gateway, n.Subnet)
	}
	for _, a := range n.Allow {
		if err := a.check(); err != nil {
			return err
		}
	}
	return nil
}

// Create makes the bridge, the conflist and the firewall table, or mends those that differ from what n says, and turns
// IPv4 forwarding on. Where iptables' chain FORWARD drops the packets of the network, it lets them pass there. The digest
// is of the table as the kernel gives it back, for [Host.Drift]. Of the connections of cells only those end that n forbids.
func (h *Host) Create(n Network) (digest string, err error) {
	if err := n.check(); err != nil {
		return "", fmt.Errorf("create network %s: %w", n.Name, err)
	}
	// The table comes first: no packet crosses the bridge without it.
	if digest, err = h.createTable(n); err != nil {
		return "", fmt.Errorf("create network %s: firewall: %w", n.Name, err)
	}
	if err := h.letPass(n.Bridge); err != nil {
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

// Remove takes away what Create made. Parts that are gone already are no error. [Config.ConfDir] stays;
// [Config.CacheDir] goes when nothing is in it.
func (h *Host) Remove(n Network) error {
	err := errors.Join(h.removeConflist(n), removeBridge(n), h.removeTable(n), h.stopPassing(), h.removeHostportChains())
	if err != nil {
		return fmt.Errorf("remove network %s: %w", n.Name, err)
	}
	// Who holds the lock is using the directory, or is here too.
	if h.cache.TryLock() {
		defer h.cache.Unlock()
		_ = os.Remove(filepath.Join(h.config.CacheDir, "results"))
		_ = os.Remove(h.config.CacheDir)
	}
	return nil
}

// Drift says in short phrases what differs from what Create made of n, when it returned digest. Nothing differs when
// there are none.
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

// MissingPlugins returns the names of the programs that are needed and aren't there: the CNI plugins bridge and static,
// and for published ports also portmap and the program iptables.
func (h *Host) MissingPlugins(published bool) []string {
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
	}
	return missing
}

// systemDirs hold root's programs, and aren't in everybody's PATH.
var systemDirs = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// findProgram returns an error that matches [fs.ErrNotExist] when there is none.
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
