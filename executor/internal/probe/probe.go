// Package probe makes the connections of healthchecks into a cell.
package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/kukeon/kuke/executor/internal/netns"
)

// Cell connects from within a cell, to addresses and to the names in the cell's own hosts file.
type Cell struct {
	// Pin is where the network namespace of the cell is pinned, Hosts the path of its hosts file.
	Pin, Hosts string
}

// Connect connects to the address by TCP.
func (d Cell) Connect(ctx context.Context, address string) error {
	conn, err := d.dial(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Fetch requests the URL by HTTP. A status from 400 on is an error.
func (d Cell) Fetch(ctx context.Context, url string) error {
	client := http.Client{
		Transport: &http.Transport{DialContext: d.dial, DisableKeepAlives: true},
		// A redirection is an answer.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

func (d Cell) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		if addr, err = lookup(d.Hosts, host); err != nil {
			return nil, err
		}
	}
	return netns.Dialer(d.Pin)(ctx, network, net.JoinHostPort(addr.String(), port))
}

// lookup finds a name in a hosts file.
func lookup(file, name string) (netip.Addr, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return netip.Addr{}, err
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		for _, known := range fields[min(1, len(fields)):] {
			if known == name {
				return netip.ParseAddr(fields[0])
			}
		}
	}
	return netip.Addr{}, fmt.Errorf("unknown host %q. Use localhost, an address, or the name of a cell", name)
}
