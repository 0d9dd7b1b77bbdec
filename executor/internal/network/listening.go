package network

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Socket is one that waits for others.
type Socket struct {
	// Protocol is tcp or udp.
	Protocol string
	// Addr is unspecified for a socket on all addresses; that of IPv6 is as a rule on those of IPv4 too.
	Addr netip.Addr
	Port uint16
}

// States of the column st, of the kernel's tcp_states.h. An UDP socket that is bound and not connected is closed there.
const (
	stateListen = "0A"
	stateClose  = "07"
)

func listening() ([]Socket, error) {
	var all []Socket
	for _, source := range []struct{ file, protocol, state string }{
		{"tcp", "tcp", stateListen}, {"tcp6", "tcp", stateListen}, {"udp", "udp", stateClose}, {"udp6", "udp", stateClose},
	} {
		text, err := os.ReadFile("/proc/net/" + source.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a kernel without IPv6
		}
		if err != nil {
			return nil, fmt.Errorf("list sockets: %w", err)
		}
		found, err := parseSockets(string(text), source.protocol, source.state)
		if err != nil {
			return nil, fmt.Errorf("list sockets: /proc/net/%s: %w", source.file, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// parseSockets reads lines like "0: 0100007F:1F90 00000000:0000 0A …" below a heading.
func parseSockets(text, protocol, state string) ([]Socket, error) {
	var found []Socket
	for i, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if i == 0 || len(fields) == 0 {
			continue
		}
		if len(fields) < 4 {
			return nil, fmt.Errorf("line %q is too short", line)
		}
		if fields[3] != state {
			continue
		}
		addr, port, err := parseEndpoint(fields[1])
		if err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		found = append(found, Socket{Protocol: protocol, Addr: addr, Port: port})
	}
	return found, nil
}

// parseEndpoint reads an address, whose words of 32 bits are in the byte order of the host, and a port.
func parseEndpoint(text string) (netip.Addr, uint16, error) {
	host, service, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil {
		return netip.Addr{}, 0, err
	}
	var ordered []byte
	for ; len(raw) >= 4; raw = raw[4:] {
		ordered = binary.NativeEndian.AppendUint32(ordered, binary.BigEndian.Uint32(raw))
	}
	addr, ok := netip.AddrFromSlice(ordered)
	if !ok {
		return netip.Addr{}, 0, fmt.Errorf("%q is no address", host)
	}
	port, err := strconv.ParseUint(service, 16, 16)
	return addr.Unmap(), uint16(port), err
}
