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
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/logs"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/executor/internal/process"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// refreshParallelism is how many questions are asked of containerd and registries at once.
const refreshParallelism = 8

// Refresh looks at the host: the namespaces of desired and recorded realms and those that bear our labels,
// with a constant number of calls for each; the cgroups of recorded resources; the images and the paths of
// the host that desired containers use. Nothing is changed, but with the lock of the state it is recorded which containers have
// done their work, in prior as well: nobody may look again before a reboot takes their tasks. desired is nil for a view of what is recorded; for a plan, be it
// of nothing desired, tasks that containerd's restart monitor is just making are waited for.
func (e *Executor) Refresh(ctx context.Context, desired *resource.Tree, prior *state.State) (*plan.Actual, error) {
	return e.look(ctx, desired, prior, everything)
}

// Assume is Refresh without a look at what is recorded, which is taken to be as it is recorded: only at what else
// matters to the desired resources, such as images and the host's routes.
func (e *Executor) Assume(ctx context.Context, desired *resource.Tree, prior *state.State) (*plan.Actual, error) {
	return e.look(ctx, desired, prior, assumed)
}

// LookAgain looks at what a saved plan takes for granted about the host, for [plan.Plan.CheckHost]: not at the networks
// and cgroups of what is recorded, and no registry is asked.
func (e *Executor) LookAgain(ctx context.Context, p *plan.Plan, prior *state.State) (*plan.Actual, error) {
	return e.look(ctx, p.Wants(), prior, again)
}

// extent is how much of the host is looked at.
type extent int

const (
	everything extent = iota
	assumed           // not at what is recorded
	again             // at what a plan takes for granted
)

// Tasks is Refresh without a look at networks, images and secrets, which may be broken: at no more than operations on
// recorded containers need.
func (e *Executor) Tasks(ctx context.Context, prior *state.State) (*plan.Actual, error) {
	r := e.newRefresh(nil)
	if err := r.namespaces(ctx, nil, prior); err != nil {
		return nil, err
	}
	return r.actual, errors.Join(r.notedExits(prior), r.recordCompletions(prior), r.cgroupsOf(prior))
}

func (e *Executor) newRefresh(desired *resource.Tree) *refresh {
	return &refresh{executor: e, desired: desired, wanted: containersOf(desired), settle: desired != nil, local: map[plan.ImageKey]string{}, named: map[contentKey]string{}, keys: map[resource.Path]plan.ImageKey{}, actual: &plan.Actual{
		At: time.Now(), CgroupMode: e.cgroups.Mode(), Controllers: e.cgroups.Controllers(),
		Namespaces: map[string]*plan.Namespace{}, Cgroups: map[string]resource.Resources{}, OOM: map[string]plan.OOM{}, Frozen: map[string]bool{},
		Images: map[plan.ImageKey]plan.ImageStatus{}, Manifests: map[string]string{}, MissingPaths: map[string]bool{},
		Networks: map[resource.Path][]string{}, Cells: map[resource.Path]*plan.CellNetwork{},
		NotDevices: map[string]bool{}, Flaws: map[resource.Path][]plan.Flaw{}, UnreadableSecrets: e.secrets.Unreadable(), SecretDrift: map[resource.Path][]string{},
	}}
}

func (e *Executor) look(ctx context.Context, desired *resource.Tree, prior *state.State, extent extent) (*plan.Actual, error) {
	r := e.newRefresh(desired)
	var err error
	if r.actual.Version, err = e.containerd.Version(ctx); err != nil {
		return nil, err
	}
	if r.actual.RestartPolicies, err = monitor.Policies(ctx, e.containerd); err != nil {
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

type refresh struct {
	executor *Executor
	desired  *resource.Tree // nil for a view of what is recorded
	wanted   []*resource.Resource
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
	existing, err := r.executor.containerd.Namespaces(ctx)
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
	all, err := list(ctx, r.executor.containerd, name)
	if err != nil {
		return err
	}
	digests, err := image.Digests(ctx, r.executor.containerd, name)
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
			// Unknown is fine: the task may end while we look, or containerd be in another pid namespace.
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

// notedExits takes a container without a task, which containerd has forgotten, for one that has ended with 0, where that is noted
// beside its log.
func (r *refresh) notedExits(prior *state.State) error {
	for p, record := range prior.Records {
		if p.Kind() != resource.KindContainer || !runsOnce(record) || record.Status.Exit != nil {
			continue
		}
		ns := r.actual.Namespaces[record.Status.Namespace]
		if ns == nil || ns.Containers[record.Status.ContainerID] == nil || ns.Containers[record.Status.ContainerID].Status != plan.TaskNone {
			continue
		}
		exit, err := logs.ReadExit(r.executor.store.LogFile(p))
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

// recordCompletions records which containers have done their work, where that is not recorded yet.
func (r *refresh) recordCompletions(prior *state.State) error {
	if !r.executor.holdsLock {
		return nil
	}
	for _, record := range plan.Completions(prior, r.actual) {
		if err := r.executor.store.Put(record); err != nil {
			return err
		}
		prior.Records[record.Path] = record
	}
	return nil
}

// cgroupsOf looks at the limits of the cgroups of all that is recorded, and whether they are frozen, which containerd only
// knows of what it froze itself.
func (r *refresh) cgroupsOf(prior *state.State) error {
	for _, record := range prior.Records {
		limits, err := r.executor.cgroups.Limits(record.Status.Cgroup)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		r.actual.Cgroups[record.Status.Cgroup] = limits
		oom, err := r.executor.cgroups.OOM(record.Status.Cgroup)
		if err != nil {
			return err
		}
		if oom != (cgroup.OOM{}) {
			r.actual.OOM[record.Status.Cgroup] = plan.OOM(oom)
		}
		frozen, itself, err := r.executor.cgroups.Frozen(record.Status.Cgroup)
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

// hostPaths notes the sources of volumes and the devices that aren't there, and what is given for a device and is none.
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
