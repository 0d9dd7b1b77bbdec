package netns

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/internal/thread"
)

// Do runs f on a thread of its own within the network namespace pinned at path, and returns its error. Other goroutines,
// those that f starts included, stay outside; a socket belongs for ever to the namespace of its creation. f has to return: it
// must not call [runtime.Goexit], nor t.Fatal. The error matches [fs.ErrNotExist] when no namespace is pinned there.
func Do(path string, f func() error) error {
	return thread.Run(func() error {
		if err := enter(path); err != nil {
			return fmt.Errorf("enter network namespace %s: %w", path, err)
		}
		return f()
	})
}

// enter moves the calling thread into the namespace.
func enter(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err != nil {
		return fmt.Errorf("determine its type: %w", err)
	}
	if int64(st.Type) != unix.NSFS_MAGIC {
		return fmt.Errorf("no namespace is pinned there: %w", fs.ErrNotExist)
	}
	return wrap(unix.Setns(int(f.Fd()), unix.CLONE_NEWNET), "setns")
}

// Dialer returns a function like [net.Dialer.DialContext], for http.Transport, that dials from within the network namespace
// pinned at path. The connection may be used anywhere. The address must be an IP address with a port: the caller resolves
// names, outside. The error matches [fs.ErrNotExist] when no namespace is pinned at path.
//
// A dial occupies a thread until it is done: give ctx an end.
func Dialer(path string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		// For a single address, the net package creates the socket on the calling goroutine. For a name it would start
		// others.
		if _, err := netip.ParseAddrPort(address); err != nil {
			return nil, fmt.Errorf("dial %s from network namespace %s: %w", address, path, err)
		}
		var conn net.Conn
		err := Do(path, func() (err error) {
			conn, err = new(net.Dialer).DialContext(ctx, network, address)
			return err
		})
		if err != nil {
			return nil, err
		}
		return conn, nil
	}
}
