package resource

import (
	"encoding/binary"
	"net/netip"
)

// Gateway returns the first address of a space's subnet, which its bridge has.
func Gateway(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }

// CellAddresses returns the first and the last address of a space's IPv4 subnet that a cell may have: all but the
// network's own, the gateway's and the last, for broadcasts. The subnet has at least four addresses.
func CellAddresses(subnet netip.Prefix) (first, last netip.Addr) {
	broadcast := subnet.Masked().Addr().As4()
	hosts := uint32(1)<<(32-subnet.Bits()) - 1
	binary.BigEndian.PutUint32(broadcast[:], binary.BigEndian.Uint32(broadcast[:])|hosts)
	return Gateway(subnet).Next(), netip.AddrFrom4(broadcast).Prev()
}
