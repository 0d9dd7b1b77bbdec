// Package client connects to containerd 1.6 and 2.x.
//
// It holds the connection and everything that each call over it needs: the namespace of containerd, an end for a containerd
// that is silent, readable errors, and the directory of this process, by which others see that it lives. The calls
// themselves are in the packages beside it: image, containers, task, exec, monitor and namespace. Each of their functions
// carries out a single step and decides nothing: its arguments come from the plan, its results are plain data. Nothing is
// printed. The calls are logged at level debug.
//
// Errors are containerd's, wrapped: test them with github.com/containerd/errdefs.
package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/log"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"

	"github.com/kukeon/kuke/executor/internal/shim"
)

// undoTimeout limits the undoing of a failed step, which continues after the end of the caller's context. It does not limit
// any other call: a containerd that does not answer is noticed earlier, see [watch].
const undoTimeout = 2 * time.Minute

// Client is a connection to one containerd. Its methods may be used by several goroutines at once.
type Client struct {
	// Containerd is the client library's own.
	Containerd *containerd.Client
	// Conn is for calls that the client library doesn't have.
	Conn grpc.ClientConnInterface
	// Left knows the processes of tasks that killed commands left behind.
	Left *shim.Leftovers
	// LogProgram returns the program that writes the log of a task, see package logs. It is called for each task that is
	// started. Where it is nil, the shims append the output to the file as it is.
	LogProgram func() (string, error)

	watch *watch
	// presence tells others that this process lives.
	presence presence
}

// Close ends the connection.
func (c *Client) Close() error { return errors.Join(c.presence.close(), c.Containerd.Close()) }

// Version returns the version of the daemon, for example "1.6.20~ds1" or "v2.4.2".
func (c *Client) Version(ctx context.Context) (string, error) {
	v, err := c.Containerd.Version(ctx)
	if err != nil {
		return "", fmt.Errorf("ask containerd for its version: %w", err)
	}
	return v.Version, nil
}

// In returns a context for calls in a namespace of containerd.
func In(ctx context.Context, ns string) context.Context {
	return Quiet(namespaces.WithNamespace(ctx, ns))
}

// Quiet keeps containerd's libraries from logging to standard error.
func Quiet(ctx context.Context) context.Context { return log.WithLogger(ctx, silence) }

var silence = func() *log.Entry {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	return logrus.NewEntry(logger)
}()

// Afterwards returns a context for undoing, with the values of ctx but not its end.
func Afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(Detached(ctx), undoTimeout)
}

// CutShort reports whether a call failed because ctx ended. The daemon, which knows the deadline, may report it first,
// while ctx still runs, and without the code for it.
func CutShort(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || strings.Contains(err.Error(), context.DeadlineExceeded.Error()))
}

// UpdateLabels sets labels of a container, in the namespace of ctx; an empty value removes the label.
func (c *Client) UpdateLabels(ctx context.Context, id string, labels map[string]string) error {
	var paths []string
	for key := range labels {
		paths = append(paths, "labels."+key)
	}
	_, err := c.Containerd.ContainerService().Update(ctx, containers.Container{ID: id, Labels: labels}, paths...)
	return err
}

// HasTraces reports whether there is a task or one in the making.
func (c *Client) HasTraces(ctx context.Context, id string) (bool, error) {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return false, err
	}
	return c.Left.HasTraces(ns, id), nil
}
