package containers

import (
	"context"
	"errors"
	"fmt"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/snapshot"
)

// Copy is a container as another containerd can make it again, with the layers below its snapshot. Changes to its file system are
// not part of it.
type Copy struct {
	Namespace string `json:"namespace"`
	ID        string `json:"id"`
	// Made is containerd's record, which holds the values of environment variables. It is for [Copy.Make] only.
	Made   []byte           `json:"made"`
	Layers []snapshot.Layer `json:"layers"`
}

// CopyOf returns a copy of a container, and its OCI spec. For a missing one, the error is errdefs.ErrNotFound.
func CopyOf(ctx context.Context, c *client.Client, ns, id string) (*Copy, *specs.Spec, error) {
	copied, spec, err := copyOf(ctx, c, ns, id)
	return copied, spec, client.Wrap(err, "copy container %s", id)
}

func copyOf(ctx context.Context, c *client.Client, ns, id string) (*Copy, *specs.Spec, error) {
	resp, err := containersapi.NewContainersClient(c.Conn).Get(client.In(ctx, ns), &containersapi.GetContainerRequest{ID: id})
	if err != nil {
		return nil, nil, errgrpc.ToNative(err)
	}
	record := resp.Container
	if record.Snapshotter != snapshot.Snapshotter {
		return nil, nil, fmt.Errorf("its file system is of the snapshotter %q: %w", record.Snapshotter, errdefs.ErrNotImplemented)
	}
	spec, err := specOf(record)
	if err != nil {
		return nil, nil, err
	}
	copied := &Copy{Namespace: ns, ID: id}
	if copied.Made, err = proto.Marshal(record); err != nil {
		return nil, nil, err
	}
	parent, err := snapshot.ParentOf(ctx, c, ns, record.SnapshotKey)
	if err != nil || parent == "" {
		return copied, spec, err
	}
	copied.Layers, err = snapshot.Layers(ctx, c, ns, parent)
	return copied, spec, err
}

func specOf(record *containersapi.Container) (*specs.Spec, error) {
	value, err := typeurl.UnmarshalAny(record.Spec)
	if err != nil {
		return nil, err
	}
	spec, ok := value.(*specs.Spec)
	if !ok {
		return nil, fmt.Errorf("its spec is a %T: %w", value, errdefs.ErrInvalidArgument)
	}
	return spec, nil
}

// Make makes the container in this containerd, without a task, with its spec as change leaves it. The restart monitor ignores it
// until [monitor.Set]. show returns the directory of a layer, see [snapshot.Share].
func (o *Copy) Make(ctx context.Context, c *client.Client, change func(*specs.Spec), show func(dir string) string) error {
	return client.Wrap(o.make(client.In(ctx, o.Namespace), c, change, show), "make a copy of container %s", o.ID)
}

func (o *Copy) make(ctx context.Context, c *client.Client, change func(*specs.Spec), show func(dir string) string) (err error) {
	record := new(containersapi.Container)
	if err := proto.Unmarshal(o.Made, record); err != nil {
		return err
	}
	spec, err := specOf(record)
	if err != nil {
		return err
	}
	change(spec)
	changed, err := typeurl.MarshalAnyToProto(spec)
	if err != nil {
		return err
	}
	record.Spec = &anypb.Any{TypeUrl: changed.TypeUrl, Value: changed.Value}
	for _, label := range []string{restart.StatusLabel, restart.PolicyLabel, restart.LogURILabel, restart.ExplicitlyStoppedLabel, restart.CountLabel} {
		delete(record.Labels, label)
	}
	ctx, release, err := c.Lease(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release(false)) }()
	if err := snapshot.Share(ctx, c, o.Layers, show); err != nil {
		return err
	}
	parent := ""
	if len(o.Layers) > 0 {
		parent = o.Layers[len(o.Layers)-1].Name
	}
	if _, err := c.Containerd.SnapshotService(snapshot.Snapshotter).Prepare(ctx, record.SnapshotKey, parent); err != nil {
		return err
	}
	_, err = containersapi.NewContainersClient(c.Conn).Create(ctx, &containersapi.CreateContainerRequest{Container: record})
	return errgrpc.ToNative(err)
}
