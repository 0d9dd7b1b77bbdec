package executor

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/logs"
	"github.com/kukeon/kuke/executor/internal/monitor"
	"github.com/kukeon/kuke/executor/internal/network"
	"github.com/kukeon/kuke/executor/internal/reaper"
	"github.com/kukeon/kuke/executor/internal/registry"
	"github.com/kukeon/kuke/executor/internal/secrets"
	"github.com/kukeon/kuke/executor/program"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// cniCacheDir holds CNI's records of attached cells.
const cniCacheDir = "/run/kukeon/cni"

// DefaultStall is the default of [Config.StallTimeout].
const DefaultStall = image.DefaultStall

// Config selects the host to work on.
type Config struct {
	// Containerd is the address of containerd's socket.
	Containerd string
	// CgroupRoot is the mount point of the cgroup file systems, usually /sys/fs/cgroup.
	CgroupRoot string
	// PluginDirs are searched for CNI plugins; ConfDir takes the configuration of networks, usually /etc/cni/net.d.
	PluginDirs []string
	ConfDir    string
	// LogProgram is the path of the running program, which calls [Init]: it writes the containers' logs.
	LogProgram string
	// ProgramDir is for copies of LogProgram. containerd runs a copy where users other than root could replace LogProgram.
	ProgramDir string
	// ConnectTimeout is the time for containerd to listen and to answer; with 0 it must listen already.
	ConnectTimeout time.Duration
	// CallTimeout limits a question to containerd, the run of a CNI plugin, and the time for which containerd may be silent
	// during a change. It is not 0.
	CallTimeout time.Duration
	// StallTimeout is the time without a byte of an image after which its connection is given up; 0 is [DefaultStall].
	StallTimeout time.Duration
	// Rehearsal says that the host is a lab in which a plan is rehearsed: limits that it can't enforce are left out, and containers
	// that could reach beyond the lab are not started, see [WithheldFrom].
	Rehearsal bool
	// Secrets are the files and variables that secrets are read from.
	Secrets SecretSources
	// Announce is called once, from another goroutine, when connecting takes longer than a second, with the event that it
	// waits for. It may be nil.
	Announce func(waitingFor string)
}

// SecretSources are the files and variables that secrets are read from.
type SecretSources = secrets.Sources

// Init runs the program that writes the log of a container, and never returns, where this process was started as one; else
// it returns at once. It must run before all other work of the program.
func Init() {
	reaper.Init()
	logs.Init()
}

// Executor works on one host. It may be used by several goroutines at once.
type Executor struct {
	*Host
	store   *state.Store
	secrets *secrets.Vault
	// registries has the credentials for registries.
	registries *registry.Access
	// sealedRealms are the realms of the configuration, whose credentials it has.
	sealedRealms map[resource.Path]bool
	// holdsLock says that the caller holds the lock of the state.
	holdsLock bool
	// top is held while the cgroup of all realms may be made or removed.
	top sync.Mutex
	// filling is held while content is copied into volumes, which containers may share.
	filling sync.Mutex
}

// kind carries out the steps of one kind of resource. Each method ends with the record written; its arguments come from the
// plan.
type kind interface {
	create(ctx context.Context, after *state.Record) error
	update(ctx context.Context, before, after *state.Record) error
	remove(ctx context.Context, before *state.Record) error
}

// ConnectError is the reason why containerd can't be reached, with the remedy.
type ConnectError = client.ConnectError

// Host is a connection to one host. By itself it changes and records nothing.
type Host struct {
	containerd *client.Client
	pulls      *image.Puller
	cgroups    *cgroup.Tree
	networks   *network.Host
	programs   string // [Config.ProgramDir]
	rehearsal  bool   // [Config.Rehearsal]
	sources    SecretSources
}

// tidyPrograms removes the copies of kuke that no container names any more.
func (h *Host) tidyPrograms(ctx context.Context) error {
	return program.Tidy(h.programs, func() (map[string]bool, error) { return monitor.Programs(ctx, h.containerd) })
}

// Connect connects to the host. An error of containerd is a [*ConnectError].
func Connect(ctx context.Context, c Config) (*Host, error) {
	cgroups, err := cgroup.Open(c.CgroupRoot)
	if err != nil {
		return nil, err
	}
	if c.Rehearsal {
		cgroups.Forgo()
	}
	client, err := dial(ctx, c)
	if err != nil {
		return nil, err
	}
	client.LogProgram = func() (string, error) { return program.Trusted(c.LogProgram, c.ProgramDir) }
	networks := network.New(network.Config{PluginDirs: c.PluginDirs, ConfDir: c.ConfDir, CacheDir: cniCacheDir, PluginTimeout: c.CallTimeout})
	return &Host{
		containerd: client, pulls: image.NewPuller(client, cmp.Or(c.StallTimeout, DefaultStall)), cgroups: cgroups, networks: networks, programs: c.ProgramDir, rehearsal: c.Rehearsal, sources: c.Secrets,
	}, nil
}

func dial(ctx context.Context, c Config) (*client.Client, error) {
	return client.Dial(ctx, client.DialOptions{Address: c.Containerd, Wait: c.ConnectTimeout, CallTimeout: c.CallTimeout, Announce: c.Announce})
}

// With returns an executor that observes the host and reads the store, and records nothing.
func (h *Host) With(store *state.Store) *Executor {
	return &Executor{
		Host: h, store: store, secrets: secrets.New(store, h.sources),
		registries: registry.NewAccess(registry.Files()), sealedRealms: map[resource.Path]bool{},
	}
}

// Holding returns an executor that records its changes and observations in the store (see [Executor.Refresh]). The caller
// holds the lock of the state.
func (h *Host) Holding(store *state.Store) *Executor {
	e := h.With(store)
	e.holdsLock = true
	return e
}

// Close ends the connection to containerd.
func (h *Host) Close() error { return h.containerd.Close() }

// kind returns the kind that carries out the steps of a change, in a plan with the given names of cells.
func (e *Executor) kind(c *plan.Change, names []plan.SpaceNames) kind {
	switch c.Path.Kind() {
	case resource.KindRealm:
		return realmKind{e}
	case resource.KindSpace:
		return spaceKind{e}
	case resource.KindStack:
		return stackKind{e}
	case resource.KindCell:
		return cellKind{e, names, c.Reattach}
	case resource.KindVolume:
		return volumeKind{e}
	}
	return containerKind{e}
}

// record writes after to the state, with the times and the limits that are in force.
func (e *Executor) record(after *state.Record, created bool) error {
	r := *after
	now := e.now()
	r.Status.UpdatedAt = &now
	if created || r.Status.CreatedAt == nil {
		r.Status.CreatedAt = &now
	}
	r.Status.Limits = nil
	if *resource.ResourcesOf(r.Spec) != (resource.Resources{}) {
		limits, err := e.cgroups.Limits(r.Status.Cgroup)
		switch {
		case err == nil:
			r.Status.Limits = &limits
		case errors.Is(err, fs.ErrNotExist) && r.Path.Kind() == resource.KindContainer:
			// The cgroup of a container lives as long as its task; the start records its limits.
		default:
			return fmt.Errorf("read back the limits of cgroup %s: %w", r.Status.Cgroup, err)
		}
	}
	return e.store.Put(&r)
}

// now returns the time as records have it.
func (e *Executor) now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// makeCgroup makes or repairs the cgroup of a resource above containers. It also thaws it: kuke never freezes one.
func (e *Executor) makeCgroup(r *state.Record) error {
	if err := e.cgroups.Create(r.Status.Cgroup, resource.ResourcesOf(r.Spec)); err != nil {
		return err
	}
	return e.cgroups.Thaw(r.Status.Cgroup)
}

// find returns the first container in the namespace for which wanted is true, or nil.
func (e *Executor) find(ctx context.Context, namespace string, wanted func(containers.Container) bool) (*containers.Container, error) {
	list, err := containers.List(ctx, e.containerd, namespace)
	if err != nil {
		return nil, err
	}
	if at := slices.IndexFunc(list, wanted); at >= 0 {
		return &list[at], nil
	}
	return nil, nil
}

// labels returns the containerd labels of r: the user's, and those by which kuke recognises its own.
func labels(r *state.Record) map[string]string {
	l := map[string]string{plan.LabelPath: string(r.Path), plan.LabelProject: r.Status.Project}
	for k, v := range resource.LabelsOf(r.Spec) {
		l[k] = v
	}
	if c, ok := r.Spec.(*resource.Container); ok {
		l[plan.LabelRole] = c.Role(r.Path.Name())
		l[plan.LabelSpecDigest] = r.Status.SpecDigest
		l[plan.LabelImageDigest] = r.Status.ImageDigest
		if id := r.Status.ContainerID; id != resource.ContainerID(r.Path) && !r.Status.Imported {
			l[plan.LabelID] = id
		}
	}
	return l
}

// mark sets the labels of r on its container, removes others, and stores the spec of r with it, from which the record can
// be restored if the state is lost.
func (e *Executor) mark(ctx context.Context, r *state.Record, remove []string) error {
	kept, err := json.Marshal(r.Spec)
	if err != nil {
		return fmt.Errorf("label container %s: %w", r.Path, err)
	}
	if err := containers.SetLabels(ctx, e.containerd, r.Status.Namespace, r.Status.ContainerID, labels(r), remove); err != nil {
		return err
	}
	return containers.SetRecord(ctx, e.containerd, r.Status.Namespace, r.Status.ContainerID, kept)
}

// labelChange returns the labels to set and to remove for the change from before to after.
func labelChange(before, after *state.Record) (set map[string]string, remove []string) {
	set = labels(after)
	for k := range resource.LabelsOf(before.Spec) {
		if _, keep := set[k]; !keep {
			remove = append(remove, k)
		}
	}
	return set, remove
}
