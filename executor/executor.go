package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/executor/internal/cgroup"
	"github.com/kukeon/kuke/executor/internal/runtime"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// netnsDir holds the network namespaces of cells, each pinned under its cell's name. Like everything below
// /run it is gone after a reboot, as the namespaces are.
const netnsDir = "/run/kukeon/netns"

// topCgroup is the cgroup that all realms are in.
const topCgroup = "/kukeon"

// Config says which host to work on.
type Config struct {
	// Containerd is the address of containerd's socket.
	Containerd string
	// CgroupRoot is where the cgroup file systems are mounted, usually /sys/fs/cgroup.
	CgroupRoot string
	// Store takes the records of what is done.
	Store *state.Store
}

// Executor works on one host. It may be used by several goroutines at once.
type Executor struct {
	runtime *runtime.Client
	cgroups *cgroup.Tree
	store   *state.Store
	kinds   map[realm.Kind]kind
}

// kind is what the executor knows of one kind of resource. Each method ends with the record written; what it
// is given comes from the plan.
type kind interface {
	create(ctx context.Context, after *state.Record) error
	update(ctx context.Context, before, after *state.Record) error
	remove(ctx context.Context, before *state.Record) error
}

// Open connects to the host. The error tells what is missing and how to mend it.
func Open(ctx context.Context, c Config) (*Executor, error) {
	cgroups, err := cgroup.Open(c.CgroupRoot)
	if err != nil {
		return nil, err
	}
	client, err := runtime.Dial(ctx, c.Containerd)
	if err != nil {
		return nil, err
	}
	e := &Executor{runtime: client, cgroups: cgroups, store: c.Store}
	level := levelKind{e}
	e.kinds = map[realm.Kind]kind{
		realm.KindRealm: realmKind{e}, realm.KindSpace: level, realm.KindStack: level, realm.KindCell: level,
		realm.KindContainer: containerKind{e},
	}
	return e, nil
}

// Close ends the connection to containerd.
func (e *Executor) Close() error { return e.runtime.Close() }

// record writes after to the state, with the times and the limits that are now in force.
func (e *Executor) record(after *state.Record, created bool) error {
	r := *after
	now := time.Now().UTC().Truncate(time.Millisecond)
	r.Status.UpdatedAt = &now
	if created || r.Status.CreatedAt == nil {
		r.Status.CreatedAt = &now
	}
	r.Status.Limits = nil
	if *realm.ResourcesOf(r.Spec) != (realm.Resources{}) {
		limits, err := e.cgroups.Limits(r.Status.Cgroup)
		switch {
		case err == nil:
			r.Status.Limits = &limits
		case errors.Is(err, fs.ErrNotExist) && r.Path.Kind() == realm.KindContainer:
			// The cgroup of a container comes and goes with its task; its start records the limits.
		default:
			return fmt.Errorf("read back the limits of cgroup %s: %w", r.Status.Cgroup, err)
		}
	}
	return e.store.Put(&r)
}

// labels returns the containerd labels of what belongs to r: the user's and those we recognise our own by.
func labels(r *state.Record) map[string]string {
	l := map[string]string{planner.LabelPath: string(r.Path), planner.LabelProject: r.Status.Project}
	for k, v := range realm.LabelsOf(r.Spec) {
		l[k] = v
	}
	if c, ok := r.Spec.(*realm.Container); ok {
		l[planner.LabelRole] = c.Role(r.Path.Name())
		l[planner.LabelSpecDigest] = r.Status.SpecDigest
		l[planner.LabelImageDigest] = r.Status.ImageDigest
	}
	return l
}

// labelChange returns what turns the user's labels of before into those of after.
func labelChange(before, after *state.Record) (set map[string]string, remove []string) {
	set = labels(after)
	for k := range realm.LabelsOf(before.Spec) {
		if _, keep := set[k]; !keep {
			remove = append(remove, k)
		}
	}
	return set, remove
}

// netnsPath returns where the network namespace of the cell is pinned.
func netnsPath(cell realm.Path) string {
	return filepath.Join(netnsDir, strings.Join(cell.Names(), "_"))
}

// removeNetnsDir takes the directory of the pins away once it is empty.
func removeNetnsDir() {
	if os.Remove(netnsDir) == nil {
		_ = os.Remove(filepath.Dir(netnsDir))
	}
}
