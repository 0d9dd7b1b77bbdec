// Package observe observes a host: containers, images, networks, cgroups and secrets, for the planner.
//
// It changes nothing on the host, and records nothing but completions, and these only where the caller holds the lock of the
// state. There is one file for each concern, with the name that it has in the planner.
package observe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/apparmor"
	"github.com/kukeon/kuke/executor/internal/bind"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/logs"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/executor/internal/preflight"
	"github.com/kukeon/kuke/executor/internal/process"
	"github.com/kukeon/kuke/executor/internal/registry"
	"github.com/kukeon/kuke/executor/internal/secrets"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// refreshParallelism is the maximum number of concurrent questions to containerd and registries.
const refreshParallelism = 8

// Host is a host to observe, with the store and the vault of its resources.
type Host struct {
	Containerd *client.Client
	Cgroups    *cgroup.Tree
	Networks   *network.Host
	Store      *state.Store
	Secrets    *secrets.Vault
	// Keys returns the credentials for the registries of a namespace.
	Keys func(namespace string) *registry.Keyring
	// Record says that the lock of the state is held, and that completions are recorded.
	Record bool
}

// Extent is the part of the host that is observed.
type Extent int

const (
	// Everything is all that a plan depends on.
	Everything Extent = iota
	// Assumed leaves out recorded resources, which are assumed to be as recorded.
	Assumed
	// Again is the part that a saved plan assumes to be unchanged.
	Again
)

// Tasks observes tasks and cgroups: no more than operations on recorded containers need.
func (o *Host) Tasks(ctx context.Context, prior *state.State) (*plan.Actual, error) {
	r := o.newRefresh(nil)
	if err := r.namespaces(ctx, nil, prior); err != nil {
		return nil, err
	}
	return r.actual, errors.Join(r.notedExits(prior), r.recordCompletions(prior), r.cgroupsOf(prior))
}

func (o *Host) newRefresh(desired *resource.Tree) *refresh {
	cpus, mems := o.Cgroups.Sets()
	return &refresh{host: o, desired: desired, wanted: Containers(desired), settle: desired != nil, local: map[plan.ImageKey]string{}, named: map[contentKey]string{}, keys: map[resource.Path]plan.ImageKey{}, actual: &plan.Actual{
		At: time.Now(), CgroupMode: o.Cgroups.Mode(), Controllers: o.Cgroups.Controllers(), CPUSet: cpus, CPUSetMems: mems,
		Namespaces: map[string]*plan.Namespace{}, Cgroups: map[string]resource.Resources{}, OOM: map[string]plan.OOM{}, Frozen: map[string]bool{},
		Images: map[plan.ImageKey]plan.ImageStatus{}, Manifests: map[string]string{}, MissingPaths: map[string]bool{}, Unpropagated: map[plan.PropagationKey]string{}, HostFlaws: map[resource.Path][]plan.Flaw{}, LostPlaces: map[string]bool{}, FoundPlaces: map[string]bool{},
		Networks: map[resource.Path][]string{}, Cells: map[resource.Path]*plan.CellNetwork{},
		NotDevices: map[string]bool{}, Flaws: map[resource.Path][]plan.Flaw{}, UnreadableSecrets: o.Secrets.Unreadable(), FileDrift: map[resource.Path][]string{},
	}}
}

// Look observes the host to the extent. desired is nil for a view of the recorded resources; otherwise Look waits for tasks that
// containerd's restart monitor is just making.
func (o *Host) Look(ctx context.Context, desired *resource.Tree, prior *state.State, extent Extent) (*plan.Actual, error) {
	r := o.newRefresh(desired)
	var err error
	if r.actual.Version, err = o.Containerd.Version(ctx); err != nil {
		return nil, err
	}
	if r.actual.RestartPolicies, err = monitor.Policies(ctx, o.Containerd); err != nil {
		return nil, err
	}
	if r.actual.Profiles, err = apparmor.Profiles(); err != nil {
		return nil, err
	}
	if err := r.namespaces(ctx, desired, prior); err != nil {
		return nil, err
	}
	if err := errors.Join(r.notedExits(prior), r.recordCompletions(prior)); err != nil {
		return nil, err
	}
	if err := r.surveyHost(desired, prior); err != nil {
		return nil, err
	}
	switch extent {
	case Assumed:
		plan.Assume(prior, r.actual)
	case Everything:
		if err := errors.Join(r.cgroupsOf(prior), r.recordedNetworks(prior), r.files(prior)); err != nil {
			return nil, err
		}
	}
	if err := r.localImages(ctx, desired, prior); err != nil {
		return nil, err
	}
	if extent != Again {
		if err := r.remoteImages(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.imageConfigs(ctx); err != nil {
		return nil, err
	}
	if err := r.flaws(ctx, prior); err != nil {
		return nil, err
	}
	return r.actual, errors.Join(r.hostPaths(), r.volumes(prior))
}

// refresh is one observation.
type refresh struct {
	host    *Host
	desired *resource.Tree // nil for a view of the recorded resources
	wanted  []*resource.Resource
	// settle says to wait for tasks that containerd's restart monitor is just making.
	settle bool
	actual *plan.Actual
	// dropping are the chains of other firewalls that drop packets of spaces.
	dropping []network.Dropping

	mu    sync.Mutex
	local map[plan.ImageKey]string // digests of the images that namespaces have
	named map[contentKey]string    // a name of the image with the digest

	keys map[resource.Path]plan.ImageKey // of the images of wanted containers
}

// Containers returns the containers of the tree, nil for none, that are managed here.
func Containers(desired *resource.Tree) []*resource.Resource {
	if desired == nil {
		return nil
	}
	var containers []*resource.Resource
	for _, r := range desired.Resources() {
		if r.Path.Kind() == resource.KindContainer && !r.External {
			containers = append(containers, r)
		}
	}
	return containers
}

func (r *refresh) namespaces(ctx context.Context, desired *resource.Tree, prior *state.State) error {
	existing, err := r.host.Containerd.Namespaces(ctx)
	if err != nil {
		return err
	}
	look := map[string]bool{}
	for name, labels := range existing {
		look[name] = labels[plan.LabelPath] != ""
	}
	for p, record := range prior.Records {
		if p.Kind() == resource.KindRealm {
			look[record.Status.Namespace] = true
		}
	}
	for _, c := range r.wanted {
		look[prior.Namespace(c.Path, desired)] = true
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(refreshParallelism)
	for name, wanted := range look {
		if labels, exists := existing[name]; exists && wanted {
			g.Go(func() error { return r.namespace(ctx, name, labels) })
		}
	}
	return g.Wait()
}

func (r *refresh) namespace(ctx context.Context, name string, labels map[string]string) error {
	list := containers.List
	if r.settle {
		list = containers.ListSettled
	}
	all, err := list(ctx, r.host.Containerd, name)
	if err != nil {
		return err
	}
	digests, err := image.Digests(ctx, r.host.Containerd, name)
	if err != nil {
		return err
	}
	ns := &plan.Namespace{Labels: labels, Images: len(digests), Containers: make(map[string]*plan.Container, len(all))}
	for _, c := range all {
		if c.Labels[plan.LabelTrial] != "" {
			continue
		}
		found := &plan.Container{ID: c.ID, Labels: c.Labels, Status: plan.TaskStatus(c.Status), PID: c.PID, ExitCode: c.ExitCode, FinishedAt: c.ExitedAt,
			RestartPolicy: c.RestartPolicy, Restarts: c.RestartCount}
		if found.Status == plan.TaskRunning {
			// An error is no failure: the task may end meanwhile, or containerd be in another pid namespace.
			found.NetNS, _ = netns.Inode(int(c.PID))
		}
		switch found.Status {
		case plan.TaskRunning, plan.TaskPaused, plan.TaskPausing:
			found.StartedAt, _ = process.StartTime(int(c.PID))
			found.AppArmor = apparmor.Label(int(c.PID))
			if score, err := task.OOMScoreAdj(int(c.PID)); err == nil {
				found.OOMScoreAdj = &score
			}
		}
		ns.Containers[c.ID] = found
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.actual.Namespaces[name] = ns
	for reference, digest := range digests {
		r.local[plan.ImageKey{Namespace: name, Reference: reference}] = digest
		if is := (contentKey{name, digest}); r.named[is] == "" || reference < r.named[is] {
			r.named[is] = reference
		}
	}
	return nil
}

// notedExits treats a container without a task as one that has exited with 0, where that is noted beside its log:
// containerd has forgotten the task.
func (r *refresh) notedExits(prior *state.State) error {
	for p, record := range prior.Records {
		if p.Kind() != resource.KindContainer || !monitor.Never(record.Spec.(*resource.Container).RestartPolicy) || record.Status.Exit != nil {
			continue
		}
		ns := r.actual.Namespaces[record.Status.Namespace]
		if ns == nil || ns.Containers[record.Status.ContainerID] == nil || ns.Containers[record.Status.ContainerID].Status != plan.TaskNone {
			continue
		}
		exit, err := logs.ReadExit(r.host.Store.LogFile(p))
		if err != nil {
			return err
		}
		if exit != nil && exit.Code == 0 {
			found := ns.Containers[record.Status.ContainerID]
			found.Status, found.ExitCode, found.FinishedAt = plan.TaskStopped, exit.Code, exit.At
		}
	}
	return nil
}

// recordCompletions records the containers that have completed, where that is not recorded yet.
func (r *refresh) recordCompletions(prior *state.State) error {
	if !r.host.Record {
		return nil
	}
	for _, record := range plan.Completions(prior, r.actual) {
		if err := r.host.Store.Put(record); err != nil {
			return err
		}
		prior.Records[record.Path] = record
	}
	return nil
}

// cgroupsOf reads the limits of the cgroups of all recorded resources, and whether they are frozen: containerd only knows
// the cgroups that it froze itself.
func (r *refresh) cgroupsOf(prior *state.State) error {
	for p, record := range prior.Records {
		if p.IsVolume() {
			continue
		}
		limits, err := r.host.Cgroups.Limits(record.Status.Cgroup)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.actual.Cgroups[record.Status.Cgroup] = limits
		oom, err := r.host.Cgroups.OOM(record.Status.Cgroup)
		if err != nil {
			return err
		}
		if oom != (cgroup.OOM{}) {
			r.actual.OOM[record.Status.Cgroup] = plan.OOM(oom)
		}
		frozen, itself, err := r.host.Cgroups.Frozen(record.Status.Cgroup)
		if err != nil {
			return err
		}
		r.actual.Frozen[record.Status.Cgroup] = itself
		if ns := r.actual.Namespaces[record.Status.Namespace]; frozen && ns != nil && record.Path.Kind() == resource.KindContainer {
			if c := ns.Containers[record.Status.ContainerID]; c != nil && c.Status == plan.TaskRunning {
				c.Status = plan.TaskPaused
			}
		}
	}
	return nil
}

// propagation records the mount if the host's mount at its source does not allow its propagation.
func (r *refresh) propagation(v resource.VolumeMount) error {
	if !v.NeedsShared() && !v.NeedsSlave() {
		return nil
	}
	on, err := bind.PropagationOf(v.Source)
	if err != nil {
		return err
	}
	if on == bind.Private || on == bind.Slave && v.NeedsShared() {
		r.actual.Unpropagated[plan.PropagationKey{Source: v.Source, Propagation: v.Propagation}] = string(on)
	}
	return nil
}

// hostPaths records the missing sources of volumes, the missing devices, and the devices that are none.
func (r *refresh) hostPaths() error {
	for _, c := range r.wanted {
		wanted := c.Spec.(*resource.Container)
		if flaws := preflight.Host(wanted); len(flaws) > 0 {
			r.actual.HostFlaws[c.Path] = flaws
		}
		var paths []string
		for _, v := range wanted.Volumes {
			if v.Source == "" {
				continue
			}
			paths = append(paths, v.Source)
			if err := r.propagation(v); err != nil {
				return fmt.Errorf("look at the mount of %s, which %s uses: %w", v.Source, c.Path, err)
			}
		}
		devices := slices.DeleteFunc(slices.Clone(wanted.Devices), resource.IsCDIDevice)
		for _, d := range devices {
			paths = append(paths, resource.DeviceHostPath(d))
		}
		if wanted.LogDriver() == resource.LogJournald {
			paths = append(paths, resource.JournalSocket)
		}
		for _, p := range paths {
			_, err := os.Stat(p)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				r.actual.MissingPaths[p] = true
			case err != nil:
				return fmt.Errorf("look at %s, which %s uses: %w", p, c.Path, err)
			}
		}
		for _, d := range devices {
			if !spec.IsDevice(resource.DeviceHostPath(d)) {
				r.actual.NotDevices[resource.DeviceHostPath(d)] = true
			}
		}
	}
	return nil
}
