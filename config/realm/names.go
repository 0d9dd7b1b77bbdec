package realm

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// bridgePrefix begins the name of every bridge: by it the firewall tells the networks of other spaces.
const bridgePrefix = "kuke-"

// maxInterfaceName is the longest name the kernel takes for a network interface.
const maxInterfaceName = 15

// NetworkName returns the name of the CNI network of the space that p is or lies in, kukeon-<realm>-<space>.
func NetworkName(p Path) string { return "kukeon-" + strings.Join(p.Space().Names(), "-") }

// ConflistName returns the name of the file of that network: <realm>-<space>.conflist.
func ConflistName(p Path) string { return strings.Join(p.Space().Names(), "-") + ".conflist" }

// BridgeName returns the name of the bridge of the space that p is or lies in: kuke-<realm>-<space>, or a stable hash
// in place of the names where that would pass the kernel's limit of 15 characters.
func BridgeName(p Path) string {
	name := strings.Join(p.Space().Names(), "-")
	if len(bridgePrefix+name) > maxInterfaceName {
		sum := sha256.Sum256([]byte(p.Space()))
		name = hex.EncodeToString(sum[:])[:maxInterfaceName-len(bridgePrefix)]
	}
	return bridgePrefix + name
}
