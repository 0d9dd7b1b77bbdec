// Package runtime talks to containerd: namespaces, images, containers and their tasks.
//
// It carries out single steps and decides nothing: what there should be comes from the plan, what there is goes
// back as plain data. Every method names the containerd namespace it works in, takes what it needs as values, and
// keeps nothing between calls but the connection and a directory by which others see that its process lives. It works
// with containerd 1.6 and 2.x.
//
// Errors are containerd's, wrapped: ask github.com/containerd/errdefs what they are. Nothing is printed or logged.
package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/log"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
)

// undoTimeout bounds the undoing of what failed, which goes on when the caller's context has ended. It is no measure of how
// long anything may take: a containerd that answers no more is noticed before, see [watch].
const undoTimeout = 2 * time.Minute

// Client is a connection to one containerd. Its methods may be used by several goroutines at once.
type Client struct {
	c *containerd.Client
	// conn is for calls that the client library doesn't have.
	conn  grpc.ClientConnInterface
	watch *watch
	left  *left
	// presence is what tells others that this process lives.
	presence presence
	// logProgram returns the program that writes the logs of tasks; nil leaves that to the shims.
	logProgram func() (string, error)
}

// LogWith has a program write the logs of the tasks that are started from now on, see package logs. It is called for
// each of them. Without one the shims append what is printed to the file as it is.
func (c *Client) LogWith(program func() (string, error)) { c.logProgram = program }

// LogPrograms returns the programs that containers of any namespace name, for containerd's restart monitor to run.
func (c *Client) LogPrograms(ctx context.Context) (map[string]bool, error) {
	namespaces, err := c.Namespaces(ctx)
	if err != nil {
		return nil, err
	}
	programs := map[string]bool{}
	for ns := range namespaces {
		list, err := c.c.ContainerService().List(in(ctx, ns))
		if err != nil {
			return nil, fmt.Errorf("list containers of namespace %s: %w", ns, err)
		}
		for _, container := range list {
			if uri, err := url.Parse(container.Labels[restart.LogURILabel]); err == nil {
				programs[uri.Path] = true
			}
		}
	}
	return programs, nil
}

// Close ends the connection.
func (c *Client) Close() error { return errors.Join(c.presence.close(), c.c.Close()) }

// Version returns the version of the daemon, such as "1.6.20~ds1" or "v2.4.2".
func (c *Client) Version(ctx context.Context) (string, error) {
	v, err := c.c.Version(ctx)
	if err != nil {
		return "", fmt.Errorf("ask containerd for its version: %w", err)
	}
	return v.Version, nil
}

func in(ctx context.Context, ns string) context.Context {
	return quiet(namespaces.WithNamespace(ctx, ns))
}

// quiet keeps containerd's libraries from logging to standard error.
func quiet(ctx context.Context) context.Context { return log.WithLogger(ctx, silence) }

var silence = func() *log.Entry {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	return logrus.NewEntry(logger)
}()

// afterwards returns a context for undoing, with the values of ctx but not its end.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(Detached(ctx), undoTimeout)
}

// cutShort reports whether a call failed because ctx ended. The daemon, which knows when that will be, may be the first to
// say so, while ctx still goes on, and says it without the code for it.
func cutShort(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || strings.Contains(err.Error(), context.DeadlineExceeded.Error()))
}
