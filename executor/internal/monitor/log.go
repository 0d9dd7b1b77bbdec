// Package monitor puts containers into the care of containerd's restart monitor and takes them out again.
//
// The monitor looks every ten seconds at the containers that have a status label, and starts those whose task doesn't run. It
// looks, decides and acts without a lock, and it removes what task there is before it makes its own: between its look and its
// act anything may have been done here, which it then undoes.
package monitor

import (
	"context"
	"fmt"
	"net/url"

	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/containerd/v2/pkg/cio"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/logs"
)

// LogPrograms returns the programs that containers of any namespace name, for containerd's restart monitor to run.
func LogPrograms(ctx context.Context, c *client.Client) (map[string]bool, error) {
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
		}
	}
	return programs, nil
}

// LogURI is what a task gets as its output, from here and from the monitor alike.
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

// Log is where the output of a task goes.
type Log struct {
	File string
	// NoteExit says that the end of the task is noted beside the file.
	NoteExit bool
}
