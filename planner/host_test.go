package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// host is a state and a pretended host. Its apply does what the executor does, and checks at each step that it
// could be done: that is what the order of a plan is for.
type host struct {
	rapid.TB
	prior  *state.State
	actual *plan.Actual
	local  map[plan.ImageKey]bool
	// healthchecks holds the HEALTHCHECK of the images whose configs are known, nil for none, by reference.
	healthchecks map[string]*plan.ImageHealthcheck
	// declared are the volumes that images declare, by reference. The config of an image without an entry can't be read.
	declared map[string][]string
	netns    uint64 // the last network namespace made
	// changes are those of the plan that is carried out.
	changes map[resource.Path]*plan.Change
	// prepared are the containers that this apply has tried.
	prepared map[resource.Path]bool
	hostNetwork
	hostVolumes
}

func newHost(t rapid.TB) *host {
	return &host{
		TB:    t,
		prior: &state.State{Lineage: "lineage", Records: map[resource.Path]*state.Record{}},
		actual: &plan.Actual{
			Version: "2.4.2", CgroupMode: "v2", Controllers: map[string]bool{"memory": true, "swap": true, "cpu": true, "cpuset": true, "pids": true, "io": true},
			Namespaces: map[string]*plan.Namespace{}, Cgroups: map[string]resource.Resources{}, MissingPaths: map[string]bool{},
			RestartPolicies: []string{"no", "always", "on-failure", "unless-stopped"},
		},
		local: map[plan.ImageKey]bool{}, hostNetwork: newHostNetwork(), hostVolumes: newHostVolumes(),
	}
}

// digestOf returns the digest of an image by its reference.
func digestOf(s string) string {
	if pinned := resource.PinnedDigest(s); pinned != "" {
		return pinned
	}
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// refresh looks for networks, and for the images of desired, as the executor's does.
func (h *host) refresh(desired *resource.Tree) {
	h.refreshNetwork(desired)
	h.refreshVolumes(desired)
	h.actual.Images = map[plan.ImageKey]plan.ImageStatus{}
	if desired == nil {
		return
	}
	for _, r := range desired.Resources() {
		c, ok := r.Spec.(*resource.Container)
		if !ok {
			continue
		}
		namespace := resource.NamespaceOf(r.Path, nil)
		if top := desired.Resource(r.Path.Realm()); top != nil && !top.External {
			namespace = resource.NamespaceOf(r.Path, top.Spec.(*resource.Realm))
		} else if record := h.prior.Records[r.Path.Realm()]; record != nil {
			namespace = record.Status.Namespace
		}
		key := plan.ImageKey{Namespace: namespace, Reference: c.Image}
		h.actual.Images[key] = plan.ImageStatus{Remote: digestOf(c.Image)}
		if h.has(key) {
			h.actual.Images[key] = plan.ImageStatus{Local: digestOf(c.Image)}
		}
		if check, known := h.healthchecks[c.Image]; known {
			status := h.actual.Images[key]
			status.Config = &plan.ImageConfig{Healthcheck: check}
			h.actual.Images[key] = status
		}
		if strings.Contains(c.Image, "missing") && !h.has(key) {
			h.actual.Images[key] = plan.ImageStatus{Failure: &plan.RegistryFailure{Cause: plan.RegistryDNS, Text: "no such host", Remedy: "Check the name"}}
		}
		if volumes, ok := h.declared[c.Image]; ok {
			status := h.actual.Images[key]
			if status.Config == nil {
				status.Config = &plan.ImageConfig{}
			}
			status.Config.Volumes = volumes
			h.actual.Images[key] = status
		}
	}
}

// has reports whether the namespace has the image by its name, or by the digest that its reference names.
func (h *host) has(key plan.ImageKey) bool {
	for other := range h.local {
		if resource.PinnedDigest(key.Reference) != "" && other.Namespace == key.Namespace && digestOf(other.Reference) == digestOf(key.Reference) {
			return true
		}
	}
	return h.local[key]
}

func (h *host) new(desired *resource.Tree, opts Options) (*plan.Plan, resource.Diagnostics) {
	if opts.Project == "" {
		opts.Project = "default"
	}
	desired = Wanted(desired, h.prior, opts)
	h.refresh(desired)
	return New(desired, h.prior, h.actual, opts)
}

// plan makes a plan, which must succeed.
func (h *host) plan(desired *resource.Tree, opts Options) *plan.Plan {
	h.Helper()
	p, diags := h.new(desired, opts)
	if diags.HasErrors() {
		h.Fatalf("no plan: %v", diags)
	}
	return p
}

// converge plans and applies, and checks that there is nothing left to do.
func (h *host) converge(desired *resource.Tree, opts Options) *plan.Plan {
	h.Helper()
	p := h.plan(desired, opts)
	h.apply(p)
	if left := h.plan(desired, opts); !left.Empty() {
		h.Fatalf("after the apply of\n%s\nthere is still to do:\n%s", text(p), text(left))
	}
	return p
}

// apply carries out the plan in its own order.
func (h *host) apply(p *plan.Plan) {
	h.Helper()
	h.applySome(p, len(p.Steps), func([]int) int { return 0 })
}

// applySome carries out count steps of the plan. Of those that are free pick says which is next: all that
// matters is what steps wait for.
func (h *host) applySome(p *plan.Plan, count int, pick func(free []int) int) {
	h.Helper()
	if _, err := plan.Decode(forge(h, p)); err != nil {
		h.Fatalf("the plan can't be saved: %v", err)
	}
	h.move(p)
	h.changes, h.names, h.prepared = p.ChangesByPath(), p.Names, map[resource.Path]bool{}
	for _, name := range p.Profiles {
		h.actual.Profiles[name] = true
	}
	h.endHolds(p)
	done := map[int]bool{}
	for range min(count, len(p.Steps)) {
		var free []int
		for i, s := range p.Steps {
			waits := slices.ContainsFunc(s.After, func(on int) bool { return !done[on] })
			if !done[i] && !waits {
				free = append(free, i)
			}
		}
		i := free[pick(free)]
		s := p.Steps[i]
		h.step(s, h.changes[s.Path], func(format string, args ...any) {
			h.Helper()
			h.Fatalf("step %d, %s %s: %s\n%s", i, s.Op, s.Path, fmt.Sprintf(format, args...), text(p))
		})
		done[i] = true
	}
	h.noteKept(p)
	h.prior.Serial++
}

// endHolds records that what the plan starts is to run.
func (h *host) endHolds(p *plan.Plan) {
	for _, c := range p.Changes {
		if have := h.prior.Records[c.Path]; have != nil && (c.Action == plan.Start || c.Action == plan.Restart || c.Action == plan.Unpause || c.Action == plan.Update && c.Start) {
			r := *have
			r.Status.Run, r.Status.Exit = c.After.Status.Run, c.After.Status.Exit
			h.prior.Records[c.Path] = &r
		}
	}
}

// at is when everything is made.
var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (h *host) record(after *state.Record) {
	r := *after
	r.Status.CreatedAt = &at
	if created, ok := h.created[r.Path]; ok {
		r.Status.CreatedAt = &created
	}
	r.Status.Limits = nil
	if *resource.ResourcesOf(r.Spec) != (resource.Resources{}) {
		limits := h.actual.Cgroups[r.Status.Cgroup]
		r.Status.Limits = &limits
	}
	if r.Status.Network != nil {
		n := *r.Status.Network
		n.Firewall = "sha256:rules"
		r.Status.Network = &n
	}
	h.prior.Records[r.Path] = &r
}

func (h *host) limit(r *state.Record) {
	limits := *resource.ResourcesOf(r.Spec)
	if limits.MemorySwap == 0 && limits.Memory != 0 && h.actual.Controllers["swap"] {
		limits.MemorySwap = 2 * limits.Memory
	}
	h.actual.Cgroups[r.Status.Cgroup] = limits
	if h.actual.CgroupMode != plan.CgroupV1 {
		return
	}
	for above, a := range h.actual.Cgroups {
		for below, b := range h.actual.Cgroups {
			if strings.HasPrefix(below, above+"/") && a.CPUs != 0 && b.CPUs > a.CPUs {
				h.Fatalf("cgroup %s has %v processors, %s above it %v", below, b.CPUs, above, a.CPUs)
			}
		}
	}
}

// level makes what a realm, space, stack or cell is on the host.
func (h *host) level(r *state.Record, fail failFunc) {
	delete(h.actual.Frozen, r.Status.Cgroup)
	if parent := r.Path.Parent(); parent != "" {
		if h.prior.Records[parent] == nil {
			fail("the parent is not recorded")
		}
		above := h.prior.Records[parent].Status.Cgroup
		if path.Dir(r.Status.Cgroup) != above {
			fail("cgroup %s is not in %s", r.Status.Cgroup, above)
		}
		if _, ok := h.actual.Cgroups[above]; !ok {
			if h.prior.Records[r.Path] == nil {
				fail("the parent has no cgroup")
			}
			// The cgroups above one that is made again are made with it, without limits.
			h.actual.Cgroups[above] = resource.Resources{}
		}
		// What is updated may be in one that went with all of its containers: only a new one needs it.
		if h.actual.Namespaces[r.Status.Namespace] == nil && h.prior.Records[r.Path] == nil {
			fail("there is no namespace %s", r.Status.Namespace)
		}
	} else if h.actual.Namespaces[r.Status.Namespace] == nil {
		h.actual.Namespaces[r.Status.Namespace] = &plan.Namespace{
			Labels:     map[string]string{plan.LabelPath: string(r.Path), plan.LabelProject: r.Status.Project},
			Containers: map[string]*plan.Container{},
		}
	}
	h.limit(r)
}

// monitor starts what containerd's restart monitor does.
func (h *host) monitor() {
	for _, r := range h.prior.Records {
		spec, ok := r.Spec.(*resource.Container)
		c := h.actual.Container(r.Status.Namespace, r.Status.ContainerID)
		if !ok || c == nil || c.Status != plan.TaskStopped || c.RestartPolicy == "" || h.pins[r.Path.Parent()] == 0 {
			continue
		}
		if strings.HasPrefix(spec.RestartPolicy, "on-failure") && c.ExitCode == 0 {
			continue
		}
		c.Status, c.PID, c.ExitCode, c.NetNS = plan.TaskRunning, 1, 0, h.pins[r.Path.Parent()]
		c.Restarts++
	}
}

// siblings returns the other containers of the cell that containerd has.
func (h *host) siblings(r *state.Record) map[resource.Path]*plan.Container {
	all := map[resource.Path]*plan.Container{}
	for _, ns := range h.actual.Namespaces {
		for _, c := range ns.Containers {
			if p := resource.Path(c.Labels[plan.LabelPath]); p.Parent() == r.Path.Parent() && p != r.Path {
				all[p] = c
			}
		}
	}
	return all
}

// rootNetNS returns the network namespace of the root container of the cell, 0 where it doesn't run.
func (h *host) rootNetNS(cell resource.Path) uint64 {
	for _, ns := range h.actual.Namespaces {
		for _, c := range ns.Containers {
			if resource.Path(c.Labels[plan.LabelPath]).Parent() == cell && c.Labels[plan.LabelRole] == "root" {
				return c.NetNS
			}
		}
	}
	return 0
}
