package runtime

import (
	"context"
	"errors"
	"fmt"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/errdefs/pkg/errgrpc"
)

// Try makes the container, and its task up to the point where the program would be started, and removes both again: whatever
// the runtime refuses, it refuses here. Nothing of the image runs. As for a start, directories of volumes that are mounted over
// are made where they are missing. What a Try of the same id left behind when it was killed is removed first.
func (c *Client) Try(ctx context.Context, ns string, o CreateOptions) error {
	if err := c.Remove(ctx, ns, o.ID); err != nil {
		return err
	}
	err := readable(c.try(in(ctx, ns), o))
	after, cancel := afterwards(ctx)
	defer cancel()
	return errors.Join(err, c.Remove(after, ns, o.ID))
}

func (c *Client) try(ctx context.Context, o CreateOptions) error {
	if err := c.create(ctx, o); err != nil {
		return err
	}
	container, err := c.c.LoadContainer(ctx, o.ID)
	if err != nil {
		return err
	}
	_, _, err = c.newTask(ctx, container, cio.NullIO)
	return err
}

// Labelled returns the ids of the containers of the namespace that have the label, whatever its value.
func (c *Client) Labelled(ctx context.Context, ns, label string) ([]string, error) {
	resp, err := containersapi.NewContainersClient(c.conn).List(in(ctx, ns), &containersapi.ListContainersRequest{
		Filters: []string{fmt.Sprintf("labels.%q", label)},
	})
	if err != nil {
		return nil, fmt.Errorf("list containers of namespace %s with label %s: %w", ns, label, errgrpc.ToNative(err))
	}
	ids := make([]string, len(resp.Containers))
	for i, record := range resp.Containers {
		ids[i] = record.ID
	}
	return ids, nil
}
