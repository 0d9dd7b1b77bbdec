package network

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Socket is a listening TCP socket or a bound UDP socket.
type Socket struct {
	// Protocol is tcp or udp.
	Protocol string
	// Addr is unspecified for a socket on all addresses. The unspecified IPv6 address includes IPv4, unless OnlyIPv6.
	Addr netip.Addr
	Port uint16
	// OnlyIPv6 says that the socket accepts no IPv4.
	OnlyIPv6 bool
}

// States of the column st, from the kernel's tcp_states.h. A bound UDP socket that is not connected is listed as closed.
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
	only, err := onlyIPv6()
	if err != nil {
		return nil, fmt.Errorf("list sockets: %w", err)
	}
	for i, s := range all {
		all[i].OnlyIPv6 = s.Addr.Is6() && (!s.Addr.IsUnspecified() || only[s])
	}
	return all, nil
}

// onlyIPv6 returns the sockets on all IPv6 addresses with the option IPV6_V6ONLY, which /proc does not show, unless another
// socket on the same port lacks the option.
func onlyIPv6() (map[Socket]bool, error) {
	only := map[Socket]bool{}
	for protocol, number := range map[string]uint8{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP} {
		request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, unix.NLM_F_DUMP)
		request.AddData(&diagRequest{protocol: number})
		answers, err := again(func() ([][]byte, error) { return request.Execute(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY) })
		if errors.Is(err, unix.ENOENT) {
			continue // without kernel support sockets count as being on all addresses
		}
		if err != nil {
			return nil, fmt.Errorf("query IPv6 sockets: %w", err)
		}
		for _, answer := range answers {
			s, told := parseDiag(answer)
			s.Protocol = protocol
			if before, known := only[s]; s.Addr == netip.IPv6Unspecified() {
				only[s] = told && (before || !known)
			}
		}
	}
	return only, nil
}

// diagRequest is the kernel's struct inet_diag_req_v2 for the listening and the closed IPv6 sockets.
type diagRequest struct{ protocol uint8 }

// Sizes of the kernel's structs, and the offset of the local address in an answer.
const (
	diagRequestSize = 56
	diagAnswerSize  = 72
	diagPort        = 4
	diagAddress     = 8
)

// Len implements [nl.NetlinkRequestData].
func (r *diagRequest) Len() int { return diagRequestSize }

// Serialize implements [nl.NetlinkRequestData].
func (r *diagRequest) Serialize() []byte {
	const closed, listen = 7, 10 // of the kernel's tcp_states.h
	b := make([]byte, diagRequestSize)
	b[0], b[1] = unix.AF_INET6, r.protocol
	binary.NativeEndian.PutUint32(b[4:], 1<<closed|1<<listen)
	return b
}

// parseDiag reads an answer, and whether the socket has IPV6_V6ONLY.
func parseDiag(answer []byte) (s Socket, only bool) {
	if len(answer) < diagAnswerSize {
		return Socket{}, false
	}
	s.Port = binary.BigEndian.Uint16(answer[diagPort:])
	s.Addr, _ = netip.AddrFromSlice(answer[diagAddress : diagAddress+net.IPv6len])
	attributes, err := nl.ParseRouteAttr(answer[diagAnswerSize:])
	if err != nil {
		return s, false
	}
	for _, a := range attributes {
		if a.Attr.Type == netlink.INET_DIAG_SKV6ONLY && len(a.Value) > 0 {
			only = a.Value[0] != 0
		}
	}
	return s, only
}

// parseSockets reads lines such as "0: 0100007F:1F90 00000000:0000 0A …" below a heading.
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

// parseEndpoint reads an address, with words of 32 bits in the byte order of the host, and a port.
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
