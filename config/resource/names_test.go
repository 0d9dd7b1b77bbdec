package resource

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The golden values: names must be the same in every release, or the networks there are would be lost.
func TestNetworkNames(t *testing.T) {
	tests := []struct{ path, network, conflist, bridge string }{
		{"main/default", "kukeon-main-default", "main-default.conflist", "kuke-9ee2bb0062"},
		{"main/default/blog/web/nginx", "kukeon-main-default", "main-default.conflist", "kuke-9ee2bb0062"},
		{"main/front", "kukeon-main-front", "main-front.conflist", "kuke-main-front"}, // 15 characters
		{"a/b-c", "kukeon-a-b-c", "a-b-c.conflist", "kuke-a-b-c"},
	}
	for _, tt := range tests {
		p := Path(tt.path)
		if n, c, b := NetworkName(p), ConflistName(p), BridgeName(p); n != tt.network || c != tt.conflist || b != tt.bridge {
			t.Errorf("%s: %s, %s, %s; want %s, %s, %s", p, n, c, b, tt.network, tt.conflist, tt.bridge)
		}
	}
}

// interfaceName matches names that the kernel, CNI and nftables all accept.
var interfaceName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,14}$`)

func TestBridgeNamesAreShortValidAndDistinct(t *testing.T) {
	name := rapid.OneOf(rapid.StringMatching(`[a-c](-?[ab]){0,3}`), rapid.StringMatching(`[a-c]{1,63}`))
	space := rapid.Custom(func(t *rapid.T) Path { return Path(name.Draw(t, "realm")).Join(name.Draw(t, "space")) })
	rapid.Check(t, func(t *rapid.T) {
		seen := map[string]Path{}
		for _, p := range rapid.SliceOfN(space, 2, 8).Draw(t, "spaces") {
			bridge := BridgeName(p)
			if !interfaceName.MatchString(bridge) || !strings.HasPrefix(bridge, bridgePrefix) {
				t.Fatalf("BridgeName(%s) = %q", p, bridge)
			}
			if bridge != BridgeName(p.Join("stack").Join("cell")) {
				t.Fatalf("the bridge of a cell in %s is not its own", p)
			}
			// Only names that differ in where the realm ends share a bridge, and then the network too.
			if other, ok := seen[bridge]; ok && NetworkName(other) != NetworkName(p) {
				t.Fatalf("%s and %s share the bridge %s", p, other, bridge)
			}
			seen[bridge] = p
		}
	})
}
