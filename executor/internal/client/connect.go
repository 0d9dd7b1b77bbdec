package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/kukeon/kuke/executor/internal/poll"
	"github.com/kukeon/kuke/executor/internal/shim"
)

const (
	// answerTimeout is the least time that a containerd has for its first answer after the connection: a busy one takes many
	// seconds on a slow host, and a second try would only add to its load.
	answerTimeout = 30 * time.Second
	// connectPoll is the time between two tries to connect.
	connectPoll = 100 * time.Millisecond
	// announceAfter is the length from which on a wait is announced.
	announceAfter = time.Second
)

// DialOptions select the containerd to connect to, and limit the time for it.
type DialOptions struct {
	// Address is the path of containerd's socket.
	Address string
	// Wait is the time for the socket to appear, for a listener and for the first answer. With 0, Dial waits only for the
	// answer, for at least answerTimeout.
	Wait time.Duration
	// CallTimeout limits each question to containerd, and the time for which containerd may be silent during a change: see
	// [watch].
	CallTimeout time.Duration
	// Announce is called once, from another goroutine, when a Wait takes longer than a second, with the event that it waits
	// for. It may be nil.
	Announce func(waitingFor string)
}

// reason is the reason why containerd can't be reached.
type reason int32

const (
	failed reason = iota
	noSocket
	noPermission
	nobodyListens
	noAnswer
	hungUp
	notContainerd
)

// reasons holds the message and the remedy of each, and whether it may pass by itself.
var reasons = map[reason]struct {
	found, fix, waitingFor string
	passes                 bool
}{
	noSocket: {
		found:      "the socket does not exist: containerd is not running, or it listens elsewhere",
		fix:        "Start it: systemctl start containerd. Name its socket with --containerd if it listens elsewhere. While the host boots, wait for it with --connect-timeout",
		waitingFor: "the socket %s to appear", passes: true,
	},
	noPermission: {found: "no permission to use the socket", fix: "Run kuke with sudo"},
	nobodyListens: {
		found:      "nobody listens on the socket, so containerd has ended",
		fix:        "Look at systemctl status containerd, and start it: systemctl start containerd",
		waitingFor: "containerd to listen on %s", passes: true,
	},
	noAnswer: {
		found:      "connected, but there was no answer in time: containerd is busy or hangs",
		fix:        "Look at systemctl status containerd and journalctl -u containerd, or wait longer with --connect-timeout",
		waitingFor: "an answer of containerd at %s", passes: true,
	},
	hungUp: {
		found:      "the connection was closed without an answer, so containerd is ending, or something else listens there",
		fix:        "Look at systemctl status containerd, or name its socket with --containerd",
		waitingFor: "an answer of containerd at %s", passes: true,
	},
	notContainerd: {found: "something answers there that is not containerd", fix: "Name containerd's socket with --containerd"},
}

// ConnectError says why containerd can't be reached.
type ConnectError struct {
	// Address is the path of the socket.
	Address string
	// Waited is the time since the first try.
	Waited time.Duration

	reason reason
	err    error
}

// Found describes the error in one line.
func (e *ConnectError) Found() string {
	switch e.reason {
	case failed:
		return e.err.Error()
	case notContainerd:
		return fmt.Sprintf("%s: %v", reasons[e.reason].found, e.err)
	}
	text := reasons[e.reason].found
	if e.Waited > announceAfter {
		text += fmt.Sprintf(", after %s", e.Waited.Round(announceAfter))
	}
	return text
}

// Fix is the remedy, a sentence; it is empty where none is known.
func (e *ConnectError) Fix() string {
	if e.reason == noSocket && !installed() {
		return "Install it: apt-get install containerd. Name its socket with --containerd if it listens elsewhere"
	}
	return reasons[e.reason].fix
}

// installed reports whether there is a containerd to start.
func installed() bool {
	_, err := exec.LookPath("containerd")
	return err == nil
}

// Error names the socket, the error and the remedy.
func (e *ConnectError) Error() string {
	text := fmt.Sprintf("connect to containerd at %s: %s", e.Address, e.Found())
	if fix := e.Fix(); fix != "" {
		text += ". " + fix
	}
	return text
}

// Unwrap returns the error of the system or of gRPC.
func (e *ConnectError) Unwrap() error { return e.err }

// Dial connects to containerd and waits for its first answer. The error is a [*ConnectError], or wraps that of ctx when
// ctx ends first.
func Dial(ctx context.Context, o DialOptions) (*Client, error) {
	begin := time.Now()
	deadline := begin.Add(o.Wait)
	var now atomic.Int32
	now.Store(int32(noAnswer))
	if o.Wait > 0 && o.Announce != nil {
		announcement := time.AfterFunc(announceAfter, func() {
			o.Announce(fmt.Sprintf(reasons[reason(now.Load())].waitingFor, o.Address))
		})
		defer announcement.Stop()
	}
	for {
		client, why, err := connect(ctx, o, max(time.Until(deadline), answerTimeout))
		if err == nil {
			return client, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("given up waiting for containerd at %s: %w", o.Address, ctx.Err())
		}
		if !reasons[why].passes || !time.Now().Before(deadline) {
			return nil, &ConnectError{Address: o.Address, Waited: time.Since(begin), reason: why, err: err}
		}
		now.Store(int32(why))
		select {
		case <-ctx.Done():
		case <-time.After(connectPoll):
		}
	}
}

// connect tries once, and gives containerd limit for its answer.
func connect(ctx context.Context, o DialOptions, limit time.Duration) (*Client, reason, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// gRPC connects lazily and reports all failures alike. The socket itself tells them apart.
	if err := knock(ctx, o.Address); err != nil {
		return nil, socketReason(ctx, err), err
	}
	w := &watch{address: o.Address, timeout: o.CallTimeout}
	// It is a little longer than ctx, so that ctx ends first and tells the reason.
	c, err := containerd.New(o.Address, containerd.WithTimeout(limit+limit/20), containerd.WithExtraDialOpts(append(w.dialOptions(), traced...)))
	if err != nil {
		return nil, failed, err
	}
	if _, err := c.Version(unwatched(ctx)); err != nil {
		return nil, answerReason(ctx, err), errors.Join(err, c.Close())
	}
	conn, ok := c.Conn().(grpc.ClientConnInterface)
	if !ok {
		return nil, failed, errors.Join(fmt.Errorf("the connection is a %T", c.Conn()), c.Close())
	}
	w.conn = conn
	return &Client{Containerd: c, Conn: conn, watch: w, Left: &shim.Leftovers{Address: o.Address}}, failed, nil
}

// knock reports whether somebody listens on the socket. Where the listener accepts no connection until ctx ends, it returns
// the error of ctx: the kernel refuses at once when the queue of a Unix socket is full.
func knock(ctx context.Context, address string) error {
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", address)
		if err == nil {
			return conn.Close()
		}
		if !errors.Is(err, syscall.EAGAIN) {
			return err
		}
		if err := poll.Pause(ctx); err != nil {
			return err
		}
	}
}

func socketReason(ctx context.Context, err error) reason {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return noSocket
	case errors.Is(err, fs.ErrPermission):
		return noPermission
	case errors.Is(err, syscall.ECONNREFUSED):
		return nobodyListens
	case ctx.Err() != nil:
		return noAnswer
	}
	return failed
}

// answerReason derives from its error why a question got no answer from containerd.
func answerReason(ctx context.Context, err error) reason {
	text := err.Error()
	switch code := grpcstatus.Code(err); {
	case ctx.Err() != nil || code == codes.DeadlineExceeded:
		return noAnswer
	case code == codes.Unimplemented, strings.Contains(text, "server preface") && strings.Contains(text, "http2"):
		return notContainerd
	case code == codes.Unavailable:
		return hungUp
	}
	return failed
}
