package task

import (
	"context"
	"errors"

	"github.com/containerd/containerd/v2/pkg/cio"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/spec"
)

// Try makes the container, and its task up to the start of the program, and removes both: the runtime refuses here
// everything that it would refuse later. Nothing of the image runs. As for a start, missing directories of nested volumes
// are made. Try first removes the leftovers of a killed Try of the same id.
func Try(ctx context.Context, c *client.Client, ns string, o spec.Options) error {
	if err := Remove(ctx, c, ns, o.ID); err != nil {
		return err
	}
	err := client.Readable(try(client.In(ctx, ns), c, o))
	after, cancel := client.Afterwards(ctx)
	defer cancel()
	return errors.Join(err, Remove(after, c, ns, o.ID))
}

func try(ctx context.Context, c *client.Client, o spec.Options) error {
	if err := containers.Make(ctx, c, o); err != nil {
		return err
	}
	container, err := c.Containerd.LoadContainer(ctx, o.ID)
	if err != nil {
		return err
	}
	_, _, err = newTask(ctx, c, container, cio.NullIO)
	return err
}
