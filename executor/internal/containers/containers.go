// Package containers creates, lists, inspects and changes the containers of a containerd namespace.
//
// A container is a record of containerd with its OCI spec, its snapshot and its labels. Its process is a task: see package
// task, which also removes containers, since that ends their tasks.
package containers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types/task"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/spec"
)

// The states of a task. A container without a task has an empty Status.
const (
	StatusCreated = "created"
	StatusRunning = "running"
	StatusPaused  = "paused"
	StatusPausing = "pausing"
	StatusStopped = "stopped"
	StatusUnknown = "unknown"
)

// Container is a container of a namespace with its task, if it has one.
type Container struct {
	ID string
	// Image is the reference that the container was made from. It may now resolve to another digest.
	Image       string
	Labels      map[string]string
	CreatedAt   time.Time
	SnapshotKey string
	// Status is one of the constants above, or empty where there is no task.
	Status string
	// PID is the pid of the task on the host, 0 where it doesn't run.
	PID uint32
	// ExitCode and ExitedAt are those of a stopped task.
	ExitCode uint32
	ExitedAt time.Time
	// RestartPolicy is the policy set with [monitor.Set], empty for a container that the restart monitor ignores.
	RestartPolicy string
	// RestartCount is the number of starts by the monitor under that policy, failed ones included, since kuke last started the
	// container. The daemon of containerd 1.6 doesn't count: then it is -1. Without a policy it is 0.
	RestartCount int
}

// List returns all containers of the namespace with their tasks. It makes two calls for any number of containers, three
// where one has a restart policy and no restarts yet. A namespace that doesn't exist has none.
func List(ctx context.Context, c *client.Client, ns string) ([]Container, error) {
	ctx = client.In(ctx, ns)
	resp, err := containersapi.NewContainersClient(c.Conn).List(ctx, &containersapi.ListContainersRequest{})
	if err != nil {
		return nil, fmt.Errorf("list containers of namespace %s: %w", ns, errgrpc.ToNative(err))
	}
	running, err := c.Containerd.TaskService().List(ctx, &tasksapi.ListTasksRequest{})
	if err != nil {
		return nil, fmt.Errorf("list tasks of namespace %s: %w", ns, errgrpc.ToNative(err))
	}
	processes := make(map[string]*task.Process, len(running.Tasks))
	for _, p := range running.Tasks {
		processes[p.ID] = p
	}
	list := make([]Container, 0, len(resp.Containers))
	for _, record := range resp.Containers {
		entry := Container{
			ID: record.ID, Image: record.Image, Labels: record.Labels,
			CreatedAt: record.CreatedAt.AsTime(), SnapshotKey: record.SnapshotKey,
		}
		entry.RestartPolicy, entry.RestartCount = monitor.Of(record.Labels)
		if p := processes[record.ID]; p != nil {
			entry.addTask(p)
		}
		list = append(list, entry)
	}
	return list, addZeroCounts(ctx, c, list)
}

func (c *Container) addTask(p *task.Process) {
	c.Status = status(p.Status)
	if c.Status != StatusStopped {
		c.PID = p.Pid
		return
	}
	c.ExitCode = p.ExitStatus
	c.ExitedAt = p.ExitedAt.AsTime()
}

func status(s task.Status) string {
	switch s {
	case task.Status_CREATED:
		return StatusCreated
	case task.Status_RUNNING:
		return StatusRunning
	case task.Status_PAUSED:
		return StatusPaused
	case task.Status_PAUSING:
		return StatusPausing
	case task.Status_STOPPED:
		return StatusStopped
	}
	return StatusUnknown
}

// SetLabels sets labels of a container, removes others, and keeps the rest. containerd keeps no empty values: setting one
// removes the label.
func SetLabels(ctx context.Context, c *client.Client, ns, id string, set map[string]string, remove []string) error {
	labels := make(map[string]string, len(set)+len(remove))
	for _, key := range remove {
		labels[key] = ""
	}
	maps.Copy(labels, set)
	if len(labels) == 0 {
		return nil
	}
	return client.Wrap(c.UpdateLabels(client.In(ctx, ns), id, labels), "set labels of container %s", id)
}

// SetImage changes the reference of a container to another name of the image that it was made from.
func SetImage(ctx context.Context, c *client.Client, ns, id, ref string) error {
	_, err := c.Containerd.ContainerService().Update(client.In(ctx, ns), containers.Container{ID: id, Image: ref}, "image")
	return client.Wrap(err, "set the image of container %s", id)
}

// extensionName is the name of the extension of a container that holds [spec.Options.Record]: a label is too small for it.
const extensionName = "kukeon.io/record"

func recordExtension(record []byte) map[string]typeurl.Any {
	if len(record) == 0 {
		return nil
	}
	return map[string]typeurl.Any{extensionName: &anypb.Any{TypeUrl: extensionName, Value: record}}
}

// SetRecord replaces the record of a container, see [spec.Options.Record]. The container may run.
func SetRecord(ctx context.Context, c *client.Client, ns, id string, record []byte) error {
	_, err := c.Containerd.ContainerService().Update(client.In(ctx, ns), containers.Container{ID: id, Extensions: recordExtension(record)}, "extensions."+extensionName)
	return client.Wrap(err, "set the record of container %s", id)
}

// Spec returns the OCI spec that the next task of the container is made from.
func Spec(ctx context.Context, c *client.Client, ns, id string) (*specs.Spec, error) {
	ctx = client.In(ctx, ns)
	record, err := c.Containerd.ContainerService().Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the spec of container %s: %w", id, err)
	}
	spec, err := spec.Of(record)
	return spec, client.Wrap(err, "read the spec of container %s", id)
}

// UpdateSpec changes the OCI spec that the next task of the container is made from; change reports whether it changed the
// spec.
func UpdateSpec(ctx context.Context, c *client.Client, id string, change func(*specs.Spec) bool) error {
	record, err := c.Containerd.ContainerService().Get(ctx, id)
	if err != nil {
		return err
	}
	spec, err := spec.Of(record)
	if err != nil || !change(spec) {
		return err
	}
	if record.Spec, err = typeurl.MarshalAnyToProto(spec); err != nil {
		return err
	}
	_, err = c.Containerd.ContainerService().Update(ctx, record, "spec")
	return err
}

// addZeroCounts sets the count to 0 where no label holds one, if the daemon would write one at the first restart.
func addZeroCounts(ctx context.Context, c *client.Client, list []Container) error {
	open := func(entry Container) bool { return entry.RestartCount < 0 }
	if !slices.ContainsFunc(list, open) {
		return nil
	}
	policies, err := monitor.Policies(ctx, c)
	// The versions that know on-failure are those that count.
	if err != nil || !slices.Contains(policies, "on-failure") {
		return err
	}
	for i := range list {
		if open(list[i]) {
			list[i].RestartCount = 0
		}
	}
	return nil
}

// Labelled returns the ids of the containers of the namespace that have the label, with any value.
func Labelled(ctx context.Context, c *client.Client, ns, label string) ([]string, error) {
	resp, err := containersapi.NewContainersClient(c.Conn).List(client.In(ctx, ns), &containersapi.ListContainersRequest{
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
