package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	versionapi "github.com/containerd/containerd/api/services/version/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// fakeDaemon is a containerd that can be told to be silent.
type fakeDaemon struct {
	versionapi.UnimplementedVersionServer
	containersapi.UnimplementedContainersServer
	// hold keeps every answer back for as long as it is held.
	hold sync.RWMutex
	// slow keeps back the answers to tasks alone.
	slow  chan struct{}
	tasks atomic.Int32
	// late lets it say by itself that the time for a list is over.
	late bool
}

func (d *fakeDaemon) Version(context.Context, *emptypb.Empty) (*versionapi.VersionResponse, error) {
	d.hold.RLock()
	defer d.hold.RUnlock()
	return &versionapi.VersionResponse{Version: "v9"}, nil
}

func (d *fakeDaemon) List(context.Context, *containersapi.ListContainersRequest) (*containersapi.ListContainersResponse, error) {
	d.hold.RLock()
	defer d.hold.RUnlock()
	if d.late {
		return nil, grpcstatus.Error(codes.DeadlineExceeded, "context deadline exceeded")
	}
	return &containersapi.ListContainersResponse{}, nil
}

func (d *fakeDaemon) waitTask() {
	d.tasks.Add(1)
	<-d.slow
	d.hold.RLock()
	defer d.hold.RUnlock()
}

// fakeTasks has the methods whose names the other services have as well.
type fakeTasks struct {
	tasksapi.UnimplementedTasksServer
	daemon *fakeDaemon
}

func (t fakeTasks) Wait(context.Context, *tasksapi.WaitRequest) (*tasksapi.WaitResponse, error) {
	t.daemon.waitTask()
	return &tasksapi.WaitResponse{ExitStatus: 7}, nil
}

func (t fakeTasks) Kill(context.Context, *tasksapi.KillRequest) (*emptypb.Empty, error) {
	t.daemon.waitTask()
	return &emptypb.Empty{}, nil
}

// serve has the daemon answer at the socket until the test ends.
func (d *fakeDaemon) serve(t *testing.T, listener net.Listener) {
	t.Helper()
	server := grpc.NewServer()
	versionapi.RegisterVersionServer(server, d)
	containersapi.RegisterContainersServer(server, d)
	tasksapi.RegisterTasksServer(server, fakeTasks{daemon: d})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
}

func listen(t *testing.T, file string) *net.UnixListener {
	t.Helper()
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: file})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// dialFake connects to a daemon of the test's own.
func dialFake(t *testing.T, d *fakeDaemon, callTimeout time.Duration) *Client {
	t.Helper()
	if d.slow == nil {
		d.slow = make(chan struct{})
		close(d.slow)
	}
	file := filepath.Join(t.TempDir(), "socket")
	d.serve(t, listen(t, file))
	client, err := Dial(t.Context(), DialOptions{Address: file, CallTimeout: callTimeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestDialErrors(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	stale := filepath.Join(dir, "stale")
	_ = listen(t, stale).Close()
	html := filepath.Join(dir, "html")
	go answer(listen(t, html), "HTTP/1.1 400 Bad Request\r\n\r\n<p>no</p>")
	other := filepath.Join(dir, "other")
	server, listener := grpc.NewServer(), listen(t, other)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	ending := filepath.Join(dir, "ending")
	go answer(listen(t, ending), "")
	for _, test := range []struct {
		name, file, found, fix string
		is                     error
	}{
		{"missing", filepath.Join(dir, "none"), "socket does not exist", "Install it: apt-get install containerd", fs.ErrNotExist},
		{"stale", stale, "nobody listens", "systemctl start containerd", syscall.ECONNREFUSED},
		{"HTTP", html, "not containerd", "--containerd", nil},
		{"another gRPC server", other, "not containerd", "--containerd", nil},
		{"hangs up", ending, "closed without an answer", "systemctl status containerd", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Dial(t.Context(), DialOptions{Address: test.file, CallTimeout: time.Minute})
			connect := (*ConnectError)(nil)
			if !errors.As(err, &connect) || test.is != nil && !errors.Is(err, test.is) {
				t.Fatal(err)
			}
			if !strings.Contains(connect.Found(), test.found) || !strings.Contains(connect.Fix(), test.fix) || !strings.Contains(err.Error(), test.fix) {
				t.Errorf("%v\nwant %q, and %q", err, test.found, test.fix)
			}
		})
	}
	if err := os.WriteFile(filepath.Join(dir, "containerd"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Dial(t.Context(), DialOptions{Address: filepath.Join(dir, "none")})
	if err == nil || !strings.Contains(err.Error(), "Start it: systemctl start containerd") || strings.Contains(err.Error(), "apt-get") {
		t.Errorf("installed, but stopped: %v", err)
	}
}

// answer sends the text to everyone who connects, and hangs up.
func answer(listener net.Listener, text string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		if text == "" {
			_ = conn.Close()
			continue
		}
		// One who closes before it has read all takes the answer along.
		_, _ = io.WriteString(conn, text)
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}()
	}
}

func TestDialGivesUpOnSilence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "silent")
	listen(t, file)
	_, err := Dial(t.Context(), DialOptions{Address: file, CallTimeout: time.Second})
	if err == nil || !strings.Contains(err.Error(), "no answer in time") || !strings.Contains(err.Error(), "journalctl -u containerd") {
		t.Errorf("silent: %v", err)
	}
	if connect := (*ConnectError)(nil); !errors.As(err, &connect) || connect.Waited < answerTimeout {
		t.Errorf("it had no %s: %v", answerTimeout, err)
	}
}

// TestDialWaits boots a daemon step by step, each of which is waited for.
func TestDialWaits(t *testing.T) {
	d := &fakeDaemon{}
	file := filepath.Join(t.TempDir(), "socket")
	announced := make(chan string, 2)
	dialed := make(chan error, 1)
	go func() {
		client, err := Dial(t.Context(), DialOptions{Address: file, Wait: time.Minute, CallTimeout: time.Minute, Announce: func(s string) { announced <- s }})
		if err == nil {
			err = client.Close()
		}
		dialed <- err
	}()
	if text := <-announced; !strings.Contains(text, "the socket "+file+" to appear") {
		t.Errorf("announced %q", text)
	}
	_ = listen(t, file).Close() // nobody listens
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	listener := listen(t, file) // does not answer
	d.hold.Lock()
	d.serve(t, listener)
	select {
	case err := <-dialed:
		t.Fatalf("it didn't wait: %v", err)
	case <-time.After(2 * connectPoll):
	}
	d.hold.Unlock()
	if err := <-dialed; err != nil {
		t.Error(err)
	}
	if len(announced) > 0 {
		t.Errorf("announced again: %s", <-announced)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	for name, file := range map[string]string{"missing": "none", "silent": "silent"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			listen(t, filepath.Join(dir, "silent"))
			ctx, cancel := context.WithCancel(t.Context())
			announce := func(string) { cancel() }
			_, err := Dial(ctx, DialOptions{Address: filepath.Join(dir, file), Wait: time.Hour, Announce: announce})
			if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "given up waiting") {
				t.Error(err)
			}
		})
	}
}

func TestAnswerReason(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		ctx  context.Context
		code codes.Code
		want reason
	}{
		{t.Context(), codes.DeadlineExceeded, noAnswer},
		{over, codes.Unavailable, noAnswer},
		{t.Context(), codes.Unavailable, hungUp},
		{t.Context(), codes.Unimplemented, notContainerd},
		{t.Context(), codes.PermissionDenied, failed},
	} {
		if got := answerReason(test.ctx, grpcstatus.Error(test.code, "it failed")); got != test.want {
			t.Errorf("%s: reason %d, want %d", test.code, got, test.want)
		}
	}
}
