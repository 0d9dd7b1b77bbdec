package resource

import "net/netip"

// Gateway returns the first address of a space's subnet, which its bridge has.
func Gateway(subnet netip.Prefix) netip.Addr { return subnet.Masked().Addr().Next() }

// CellAddresses returns the first and the last address of a space's subnet that a cell may have: all but the network's own,
// the gateway's and the last, which is for broadcasts in IPv4. The subnet has at least four addresses.
func CellAddresses(subnet netip.Prefix) (first, last netip.Addr) {
	end := subnet.Masked().Addr().AsSlice()
	for bit := subnet.Bits(); bit < len(end)*8; bit++ {
		end[bit/8] |= 1 << (7 - bit%8)
	}
	broadcast, _ := netip.AddrFromSlice(end)
	return Gateway(subnet).Next(), broadcast.Prev()
}
