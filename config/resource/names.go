package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// MaxVariants is the maximum number of resources that have names of one path on the host: the resource at the path, and
// those that were moved from it, which keep their names.
const MaxVariants = 99

// Variant returns the n-th form of a name on the host: the name itself for 1, else a name that belongs to no path.
func Variant(name string, n int) string {
	if n <= 1 {
		return name
	}
	return name + "." + strconv.Itoa(n)
}

// IsVariant reports whether id is one of the forms that variant returns for 1 to [MaxVariants].
func IsVariant(id string, variant func(n int) string) bool {
	for n := 1; n <= MaxVariants; n++ {
		if variant(n) == id {
			return true
		}
	}
	return false
}

// bridgePrefix begins the name of every bridge: the firewall recognises the networks of other spaces by it.
const bridgePrefix = "kuke-"

// maxInterfaceName is the kernel's limit for the name of a network interface, in bytes.
const maxInterfaceName = 15

// NetworkName returns the name of the CNI network of the space at or above p, kukeon-<realm>-<space>.
func NetworkName(p Path) string { return "kukeon-" + strings.Join(p.Space().Names(), "-") }

// ConflistName returns the name of the file of that network: <realm>-<space>.conflist.
func ConflistName(p Path) string { return strings.Join(p.Space().Names(), "-") + ".conflist" }

// BridgeName returns the name of the bridge of the space at or above p: kuke-<realm>-<space>, with a stable hash in place
// of the names where they would exceed the kernel's limit of 15 characters.
func BridgeName(p Path) string {
	name := strings.Join(p.Space().Names(), "-")
	if len(bridgePrefix+name) > maxInterfaceName {
		return hashedBridge(string(p.Space()))
	}
	return bridgePrefix + name
}

func hashedBridge(of string) string {
	sum := sha256.Sum256([]byte(of))
	return bridgePrefix + hex.EncodeToString(sum[:])[:maxInterfaceName-len(bridgePrefix)]
}

// NetworkVariant returns the n-th form of [NetworkName], [ConflistName] and [BridgeName]. No name of a resource contains
// "--"; unlike ".", it is valid in the name of a firewall table.
func NetworkVariant(p Path, n int) (network, conflist, bridge string) {
	if n <= 1 {
		return NetworkName(p), ConflistName(p), BridgeName(p)
	}
	suffix := "--" + strconv.Itoa(n)
	return NetworkName(p) + suffix, strings.Join(p.Space().Names(), "-") + suffix + ".conflist", hashedBridge(string(p.Space()) + suffix)
}
