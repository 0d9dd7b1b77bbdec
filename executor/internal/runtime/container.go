package runtime

import (
	"context"
	"fmt"
	"maps"
	"time"

	containersapi "github.com/containerd/containerd/api/services/containers/v1"
	tasksapi "github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types/task"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/typeurl/v2"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"google.golang.org/protobuf/types/known/anypb"
)

// The states of a task. A container without a task has none of them: its Status is empty.
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
	// Image is the reference it was made from; it may stand for another digest by now.
	Image       string
	Labels      map[string]string
	CreatedAt   time.Time
	SnapshotKey string
	// Status is one of the constants above, or empty when there is no task.
	Status string
	// PID is that of the task on the host, 0 when it doesn't run.
	PID uint32
	// ExitCode and ExitedAt are those of a stopped task.
	ExitCode uint32
	ExitedAt time.Time
	// RestartPolicy is what [Client.SetRestart] set, empty when the restart monitor has nothing to do with it.
	RestartPolicy string
	// RestartCount is how often the monitor started it under that policy, be it in vain, since it was last started from
	// here. The daemon of containerd 1.6 doesn't count: then it is -1. Without a policy it is 0.
	RestartCount int
}

// List returns all containers of the namespace with their tasks, in two calls however many there are, or three when one
// has a restart policy and no restarts yet. A namespace that doesn't exist has none.
func (c *Client) List(ctx context.Context, ns string) ([]Container, error) {
	ctx = in(ctx, ns)
	resp, err := containersapi.NewContainersClient(c.conn).List(ctx, &containersapi.ListContainersRequest{})
	if err != nil {
		return nil, fmt.Errorf("list containers of namespace %s: %w", ns, errgrpc.ToNative(err))
	}
	running, err := c.c.TaskService().List(ctx, &tasksapi.ListTasksRequest{})
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
		entry.RestartPolicy, entry.RestartCount = restartOf(record.Labels)
		if p := processes[record.ID]; p != nil {
			entry.addTask(p)
		}
		list = append(list, entry)
	}
	return list, c.addZeroCounts(ctx, list)
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

// SetLabels sets some labels of a container, takes away others, and leaves the rest alone.
// containerd keeps no empty values: setting one takes the label away.
func (c *Client) SetLabels(ctx context.Context, ns, id string, set map[string]string, remove []string) error {
	labels := make(map[string]string, len(set)+len(remove))
	for _, key := range remove {
		labels[key] = ""
	}
	maps.Copy(labels, set)
	if len(labels) == 0 {
		return nil
	}
	return wrap(c.updateLabels(in(ctx, ns), id, labels), "set labels of container %s", id)
}

// SetImage has the container name another reference, for the image that it was made from.
func (c *Client) SetImage(ctx context.Context, ns, id, ref string) error {
	_, err := c.c.ContainerService().Update(in(ctx, ns), containers.Container{ID: id, Image: ref}, "image")
	return wrap(err, "set the image of container %s", id)
}

// extensionName is that of the extension of a container that [CreateOptions.Record] is kept in: a label has no room for it.
const extensionName = "kukeon.io/record"

func recordExtension(record []byte) map[string]typeurl.Any {
	if len(record) == 0 {
		return nil
	}
	return map[string]typeurl.Any{extensionName: &anypb.Any{TypeUrl: extensionName, Value: record}}
}

// SetRecord replaces what is kept with a container, see [CreateOptions.Record]. It may run.
func (c *Client) SetRecord(ctx context.Context, ns, id string, record []byte) error {
	_, err := c.c.ContainerService().Update(in(ctx, ns), containers.Container{ID: id, Extensions: recordExtension(record)}, "extensions."+extensionName)
	return wrap(err, "set the record of container %s", id)
}

// ContainerSpec returns the OCI spec that the next task of the container is made from.
func (c *Client) ContainerSpec(ctx context.Context, ns, id string) (*specs.Spec, error) {
	ctx = in(ctx, ns)
	record, err := c.c.ContainerService().Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the spec of container %s: %w", id, err)
	}
	spec, err := specOf(record)
	return spec, wrap(err, "read the spec of container %s", id)
}

func specOf(record containers.Container) (*specs.Spec, error) {
	value, err := typeurl.UnmarshalAny(record.Spec)
	if err != nil {
		return nil, err
	}
	spec, ok := value.(*specs.Spec)
	if !ok {
		return nil, fmt.Errorf("it is a %T: %w", value, errdefs.ErrInvalidArgument)
	}
	return spec, nil
}

// UpdateResources changes the limits of the running task, if there is one, and then those in the spec, so that a
// later task starts with them. The devices in the spec stay. A zero or missing field is left as it is:
// taking a limit away needs the value that stands for none.
func (c *Client) UpdateResources(ctx context.Context, ns, id string, resources *specs.LinuxResources) error {
	ctx = in(ctx, ns)
	container, err := c.c.LoadContainer(ctx, id)
	if err != nil {
		return fmt.Errorf("update limits of container %s: %w", id, err)
	}
	t, err := container.Task(ctx, nil)
	switch {
	case err == nil:
		err = t.Update(ctx, containerd.WithResources(resources))
		// One that has just ended has no limits to change.
		if err != nil && !ended(ctx, t) {
			return fmt.Errorf("update limits of container %s: %w", id, readable(err))
		}
	case !errdefs.IsNotFound(err):
		return fmt.Errorf("update limits of container %s: %w", id, err)
	}
	err = c.updateSpec(ctx, id, func(s *specs.Spec) bool {
		mergeResources(s, resources)
		return true
	})
	return wrap(err, "record limits of container %s", id)
}

// updateSpec changes the OCI spec that the next task of the container is made from; change reports whether it did.
func (c *Client) updateSpec(ctx context.Context, id string, change func(*specs.Spec) bool) error {
	record, err := c.c.ContainerService().Get(ctx, id)
	if err != nil {
		return err
	}
	spec, err := specOf(record)
	if err != nil || !change(spec) {
		return err
	}
	if record.Spec, err = typeurl.MarshalAnyToProto(spec); err != nil {
		return err
	}
	_, err = c.c.ContainerService().Update(ctx, record, "spec")
	return err
}

func ended(ctx context.Context, t containerd.Task) bool {
	s, err := t.Status(ctx)
	return errdefs.IsNotFound(err) || err == nil && s.Status == containerd.Stopped
}

// mergeResources puts the limits of a cgroup into the spec, field by field where r has them.
func mergeResources(spec *specs.Spec, r *specs.LinuxResources) {
	if r == nil {
		return
	}
	if spec.Linux == nil {
		spec.Linux = &specs.Linux{}
	}
	if spec.Linux.Resources == nil {
		spec.Linux.Resources = &specs.LinuxResources{}
	}
	into := spec.Linux.Resources
	if r.Memory != nil {
		into.Memory = r.Memory
	}
	if r.Pids != nil {
		into.Pids = r.Pids
	}
	if r.BlockIO != nil {
		into.BlockIO = r.BlockIO
	}
	if r.CPU != nil {
		if into.CPU == nil {
			into.CPU = &specs.LinuxCPU{}
		}
		if r.CPU.Quota != nil {
			into.CPU.Quota, into.CPU.Period = r.CPU.Quota, r.CPU.Period
		}
		if r.CPU.Shares != nil {
			into.CPU.Shares = r.CPU.Shares
		}
	}
	for file, value := range r.Unified {
		if into.Unified == nil {
			into.Unified = map[string]string{}
		}
		into.Unified[file] = value
	}
}
