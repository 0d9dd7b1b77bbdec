// Package monitor has containerd's restart monitor watch containers, and ends that again.
//
// The monitor checks every ten seconds the containers that have a status label, and starts those whose task doesn't run. It
// checks, decides and acts without a lock, and it removes an existing task before it makes its own. So it may undo any
// change that was made here between its check and its act.
package monitor

import (
	"context"
	"fmt"
	"net/url"

	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/containerd/v2/pkg/cio"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/logs"
	"github.com/kukeon/kuke/executor/internal/spec"
)

// Programs returns the programs that the containers of all namespaces name for the monitor to run, and for their inits.
func Programs(ctx context.Context, c *client.Client) (map[string]bool, error) {
	namespaces, err := c.Namespaces(ctx)
	if err != nil {
		return nil, err
	}
	programs := map[string]bool{}
	for ns := range namespaces {
		list, err := c.Containerd.ContainerService().List(client.In(ctx, ns))
		if err != nil {
			return nil, fmt.Errorf("list containers of namespace %s: %w", ns, err)
		}
		for _, container := range list {
			if uri, err := url.Parse(container.Labels[restart.LogURILabel]); err == nil {
				programs[uri.Path] = true
			}
			if oci, err := spec.Of(container); err == nil {
				programs[spec.InitOf(oci)] = true
			}
		}
	}
	return programs, nil
}

// LogURI returns the URI of the output of a task, the same for tasks that kuke starts and those that the monitor starts.
func LogURI(c *client.Client, log Log) (string, error) {
	if c.LogProgram != nil {
		program, err := c.LogProgram()
		if err != nil {
			return "", fmt.Errorf("its log: %w", err)
		}
		return logs.URI(program, log.File, log.NoteExit), nil
	}
	uri, err := cio.LogURIGenerator("file", log.File, nil)
	if err != nil {
		return "", fmt.Errorf("its log: %w", err)
	}
	return uri.String(), nil
}

// Log is the log of a task.
type Log struct {
	File string
	// NoteExit says that the exit of the task is noted beside the file.
	NoteExit bool
}
