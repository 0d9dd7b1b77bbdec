package client

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/errdefs/pkg/errgrpc"
)

// brief is a timeout that a silent daemon outlasts soon.
const brief = 200 * time.Millisecond

// ask asks for the containers of a namespace.
func ask(ctx context.Context, c *Client) error {
	_, err := containersapi.NewContainersClient(c.Conn).List(In(ctx, "kukeon-main"), &containersapi.ListContainersRequest{})
	return errgrpc.ToNative(err)
}

func TestQuestionsEnd(t *testing.T) {
	d := &fakeDaemon{}
	c := dialFake(t, d, brief)
	if err := ask(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	d.hold.Lock()
	defer d.hold.Unlock()
	err := ask(t.Context(), c)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("not a deadline: %v", err)
	}
	for _, want := range []string{"Containers/List", "within 200ms", "journalctl -u containerd", "--call-timeout"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
}

// Whether it is the daemon or the client that finds first that the time is over makes no difference.
func TestQuestionsEndThere(t *testing.T) {
	c := dialFake(t, &fakeDaemon{late: true}, time.Hour)
	err := ask(t.Context(), c)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "--call-timeout") {
		t.Error(err)
	}
}

// TestWorkTakesItsTime has calls that are no questions take many times the timeout.
func TestWorkTakesItsTime(t *testing.T) {
	d := &fakeDaemon{slow: make(chan struct{})}
	c := dialFake(t, d, brief)
	waited, killed := make(chan error, 1), make(chan error, 1)
	go func() {
		resp, err := c.Containerd.TaskService().Wait(t.Context(), &tasksapi.WaitRequest{})
		if err == nil && resp.ExitStatus != 7 {
			err = errors.New("wrong answer")
		}
		waited <- err
	}()
	go func() {
		_, err := c.Containerd.TaskService().Kill(t.Context(), &tasksapi.KillRequest{Signal: uint32(syscall.SIGTERM)})
		killed <- err
	}()
	select {
	case err := <-waited:
		t.Fatal(err)
	case err := <-killed:
		t.Fatal(err)
	case <-time.After(5 * brief):
	}
	close(d.slow)
	if err := errors.Join(<-waited, <-killed); err != nil {
		t.Error(err)
	}
}

func TestWorkEndsWithSilence(t *testing.T) {
	d := &fakeDaemon{slow: make(chan struct{})}
	c := dialFake(t, d, brief)
	defer close(d.slow)
	d.hold.Lock()
	defer d.hold.Unlock()
	_, err := c.Containerd.TaskService().Wait(t.Context(), &tasksapi.WaitRequest{})
	if silent := (*NoAnswerError)(nil); !errors.As(err, &silent) || silent.Call != "Tasks/Wait" {
		t.Error(err)
	}
	if err := errgrpc.ToNative(err); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Tasks/Wait") {
		t.Error(err)
	}
}

// TestDetached has work that must not be cut go on when nobody waits for it any more, unless containerd is silent then.
func TestDetached(t *testing.T) {
	d := &fakeDaemon{slow: make(chan struct{})}
	c := dialFake(t, d, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	kill := func() error {
		_, err := c.Containerd.TaskService().Kill(Detached(ctx), &tasksapi.KillRequest{})
		return err
	}
	done := make(chan error, 1)
	go func() { done <- kill() }()
	for d.tasks.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	select {
	case err := <-done:
		t.Fatalf("cut: %v", err)
	case <-time.After(2 * hurry):
	}
	close(d.slow)
	if err := <-done; err != nil {
		t.Error(err)
	}
	d.hold.Lock()
	defer d.hold.Unlock()
	begin := time.Now()
	silent := (*NoAnswerError)(nil)
	if err := kill(); !errors.As(err, &silent) {
		t.Error(err)
	}
	if took := time.Since(begin); took > 30*hurry {
		t.Errorf("given up after %s only", took)
	}
	if !c.watch.silent.Load() {
		t.Error("what follows is not given up at once")
	}
	if err := kill(); !errors.As(err, &silent) {
		t.Error(err)
	}
	if err := ask(Detached(ctx), c); err == nil || !strings.Contains(err.Error(), "within 1s") {
		t.Errorf("not the silence that was waited for: %v", err)
	}
}

// TestDetachedTwice keeps the one who waits when work is detached again.
func TestDetachedTwice(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	again, stop := context.WithTimeout(Detached(ctx), time.Hour)
	defer stop()
	cancel()
	if !closed(awaited(Detached(again))) || again.Err() != nil {
		t.Error("it is not known that nobody waits")
	}
	if closed(awaited(t.Context())) {
		t.Error("a context that is not detached has nobody")
	}
}
