package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/apparmor"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/logs"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/executor/internal/process"
	"github.com/kukeon/kuke/executor/internal/secrets"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// refreshParallelism is the maximum number of concurrent questions to containerd and registries.
const refreshParallelism = 8

// Refresh observes the host: the namespaces of desired and recorded realms and those with kuke's labels, with a constant
// number of calls for each; the cgroups of recorded resources; the images and the host paths that desired containers use.
// It changes nothing. An executor that holds the lock of the state also records containers that have completed, in prior
// too: the next look may come after a reboot, in which their tasks are lost.
//
// desired is nil for a view of the recorded resources. For a plan, even one that desires nothing, Refresh waits for tasks
// that containerd's restart monitor is just making.
func (e *Executor) Refresh(ctx context.Context, desired *resource.Tree, prior *state.State) (*plan.Actual, error) {
	return e.observer().look(ctx, desired, prior, everything)
}

// Assume is Refresh without a look at recorded resources, which are assumed to be as recorded: it observes only the rest
// that matters to desired ones, for example images and the host's routes.
func (e *Executor) Assume(ctx context.Context, desired *resource.Tree, prior *state.State) (*plan.Actual, error) {
	return e.observer().look(ctx, desired, prior, assumed)
}

// LookAgain observes the assumptions of a saved plan about the host, for [plan.Plan.CheckHost]: not the networks and
// cgroups of recorded resources, and it asks no registry.
func (e *Executor) LookAgain(ctx context.Context, p *plan.Plan, prior *state.State) (*plan.Actual, error) {
	return e.observer().look(ctx, p.Wants(), prior, again)
}

// Tasks is Refresh without a look at networks, images and secrets, which may be broken. It suffices for operations on
// recorded containers.
func (e *Executor) Tasks(ctx context.Context, prior *state.State) (*plan.Actual, error) {
	return e.observer().tasks(ctx, prior)
}

// observer returns the observer of the executor's host and store.
func (e *Executor) observer() *observer {
	return &observer{containerd: e.containerd, cgroups: e.cgroups, networks: e.networks, store: e.store, secrets: e.secrets, record: e.holdsLock}
}

// observer observes a host and reads a store.
type observer struct {
	containerd *client.Client
	cgroups    *cgroup.Tree
	networks   *network.Host
	store      *state.Store
	secrets    *secrets.Vault
	// record says that the lock of the state is held, and that completions are recorded.
	record bool
}

// extent is the part of the host that is observed.
type extent int

const (
	everything extent = iota
	assumed           // all but recorded resources
	again             // the assumptions of a plan
)

// tasks observes no more than operations on recorded containers need.
func (o *observer) tasks(ctx context.Context, prior *state.State) (*plan.Actual, error) {
	r := o.newRefresh(nil)
	if err := r.namespaces(ctx, nil, prior); err != nil {
		return nil, err
	}
	return r.actual, errors.Join(r.notedExits(prior), r.recordCompletions(prior), r.cgroupsOf(prior))
}

func (o *observer) newRefresh(desired *resource.Tree) *refresh {
	return &refresh{host: o, desired: desired, wanted: containersOf(desired), settle: desired != nil, local: map[plan.ImageKey]string{}, named: map[contentKey]string{}, keys: map[resource.Path]plan.ImageKey{}, actual: &plan.Actual{
		At: time.Now(), CgroupMode: o.cgroups.Mode(), Controllers: o.cgroups.Controllers(),
		Namespaces: map[string]*plan.Namespace{}, Cgroups: map[string]resource.Resources{}, OOM: map[string]plan.OOM{}, Frozen: map[string]bool{},
		Images: map[plan.ImageKey]plan.ImageStatus{}, Manifests: map[string]string{}, MissingPaths: map[string]bool{},
		Networks: map[resource.Path][]string{}, Cells: map[resource.Path]*plan.CellNetwork{},
		NotDevices: map[string]bool{}, Flaws: map[resource.Path][]plan.Flaw{}, UnreadableSecrets: o.secrets.Unreadable(), SecretDrift: map[resource.Path][]string{},
	}}
}

// look observes the extent of the host.
func (o *observer) look(ctx context.Context, desired *resource.Tree, prior *state.State, extent extent) (*plan.Actual, error) {
	r := o.newRefresh(desired)
	var err error
	if r.actual.Version, err = o.containerd.Version(ctx); err != nil {
		return nil, err
	}
	if r.actual.RestartPolicies, err = monitor.Policies(ctx, o.containerd); err != nil {
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
	case assumed:
		plan.Assume(prior, r.actual)
	case everything:
		if err := errors.Join(r.cgroupsOf(prior), r.recordedNetworks(prior), r.secretFiles(prior)); err != nil {
			return nil, err
		}
	}
	if err := r.localImages(ctx, desired, prior); err != nil {
		return nil, err
	}
	if extent != again {
		if err := r.remoteImages(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.flaws(ctx, prior); err != nil {
		return nil, err
	}
	return r.actual, r.hostPaths()
}

// refresh is one observation.
type refresh struct {
	host    *observer
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

func containersOf(desired *resource.Tree) []*resource.Resource {
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
	existing, err := r.host.containerd.Namespaces(ctx)
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
	all, err := list(ctx, r.host.containerd, name)
	if err != nil {
		return err
	}
	digests, err := image.Digests(ctx, r.host.containerd, name)
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
		exit, err := logs.ReadExit(r.host.store.LogFile(p))
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
	if !r.host.record {
		return nil
	}
	for _, record := range plan.Completions(prior, r.actual) {
		if err := r.host.store.Put(record); err != nil {
			return err
		}
		prior.Records[record.Path] = record
	}
	return nil
}

// cgroupsOf reads the limits of the cgroups of all recorded resources, and whether they are frozen: containerd only knows
// the cgroups that it froze itself.
func (r *refresh) cgroupsOf(prior *state.State) error {
	for _, record := range prior.Records {
		limits, err := r.host.cgroups.Limits(record.Status.Cgroup)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.actual.Cgroups[record.Status.Cgroup] = limits
		oom, err := r.host.cgroups.OOM(record.Status.Cgroup)
		if err != nil {
			return err
		}
		if oom != (cgroup.OOM{}) {
			r.actual.OOM[record.Status.Cgroup] = plan.OOM(oom)
		}
		frozen, itself, err := r.host.cgroups.Frozen(record.Status.Cgroup)
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

// hostPaths records the missing sources of volumes, the missing devices, and the devices that are none.
func (r *refresh) hostPaths() error {
	for _, c := range r.wanted {
		wanted := c.Spec.(*resource.Container)
		var paths []string
		for _, v := range wanted.Volumes {
			paths = append(paths, v.Source)
		}
		for _, d := range wanted.Devices {
			paths = append(paths, resource.DeviceHostPath(d))
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
		for _, d := range wanted.Devices {
			if !spec.IsDevice(resource.DeviceHostPath(d)) {
				r.actual.NotDevices[resource.DeviceHostPath(d)] = true
			}
		}
	}
	return nil
}
