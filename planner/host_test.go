package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
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
	netns  uint64 // the last network namespace made
	// changes are those of the plan that is carried out.
	changes map[resource.Path]*plan.Change
	// prepared are the containers that this apply has tried.
	prepared map[resource.Path]bool
	hostNetwork
}

func newHost(t rapid.TB) *host {
	return &host{
		TB:    t,
		prior: &state.State{Lineage: "lineage", Records: map[resource.Path]*state.Record{}},
		actual: &plan.Actual{
			Version: "2.4.2", CgroupMode: "v2", Controllers: map[string]bool{"memory": true, "swap": true, "cpu": true, "pids": true, "io": true},
			Namespaces: map[string]*plan.Namespace{}, Cgroups: map[string]resource.Resources{}, MissingPaths: map[string]bool{},
			RestartPolicies: []string{"no", "always", "on-failure", "unless-stopped"},
		},
		local: map[plan.ImageKey]bool{}, hostNetwork: newHostNetwork(),
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
		if strings.Contains(c.Image, "missing") && !h.has(key) {
			h.actual.Images[key] = plan.ImageStatus{Err: "no such host"}
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

type failFunc func(format string, args ...any)

func (h *host) step(s plan.Step, c *plan.Change, fail failFunc) {
	switch s.Op {
	case plan.OpImage:
		if h.actual.Namespaces[s.Image.Namespace] == nil {
			fail("there is no namespace %s", s.Image.Namespace)
		}
		key := plan.ImageKey{Namespace: s.Image.Namespace, Reference: s.Image.Reference}
		if s.Image.Digest != digestOf(s.Image.Reference) || s.Image.Pull == h.has(key) {
			fail("digest %s, pulled %t", s.Image.Digest, s.Image.Pull)
		}
		h.local[key] = true
	case plan.OpPrepare:
		h.prepare(c, fail)
	case plan.OpCreate:
		h.create(c, fail)
		h.record(c.After)
		h.checkAddresses(fail)
	case plan.OpUpdate:
		if h.prior.Records[s.Path] == nil {
			fail("there is no record")
		}
		if s.Path.Kind() == resource.KindContainer {
			found := h.container(c.After, fail)
			found.RestartPolicy = policyOf(c.After)
			found.Labels[plan.LabelSpecDigest], found.Labels[plan.LabelImageDigest] = c.After.Status.SpecDigest, c.After.Status.ImageDigest
			if c.RenamesImage() && !h.local[c.ImageKey()] && h.has(c.ImageKey()) {
				fail("the image is there, and not by the name of the container's")
			}
			h.confine(c.After, found, false, fail)
		} else {
			h.level(c.After, fail)
			h.makeNetwork(c.After, true, fail)
		}
		h.limit(c.After)
		h.record(c.After)
		h.checkAddresses(fail)
	case plan.OpDelete:
		h.checkPrepared(c, fail)
		h.remove(c, fail)
	case plan.OpStop:
		h.checkPrepared(c, fail)
		h.stop(c, fail)
	case plan.OpRecord:
		delete(h.prior.Records, s.Path)
		if c.After != nil {
			h.prior.Records[s.Path] = c.After
		}
	case plan.OpKill, plan.OpPause, plan.OpUnpause:
		h.operate(s.Op, c, fail)
	case plan.OpStart:
		h.run(c.After, h.container(c.After, fail), false, fail)
		if _, ok := h.actual.Cgroups[c.After.Status.Cgroup]; !ok {
			h.limit(c.After)
		}
		h.record(c.After)
	case plan.OpAdopt:
		h.container(c.After, fail).RestartPolicy = policyOf(c.After)
		h.limit(c.After)
		h.record(c.After)
	case plan.OpCheck:
		h.check(c, fail)
	case plan.OpNames:
		h.writeNames(s.Path, fail)
	default:
		fail("unknown operation")
	}
}

// prepare tries a container, of an image that must be there.
func (h *host) prepare(c *plan.Change, fail failFunc) {
	key := plan.ImageKey{Namespace: c.After.Status.Namespace, Reference: c.After.Spec.(*resource.Container).Image}
	if h.actual.Namespaces[key.Namespace] == nil || !h.local[key] {
		fail("its image is not there")
	}
	h.prepared[c.Path] = true
}

// checkPrepared makes sure that nothing is stopped before all containers are prepared that are made in its cell.
func (h *host) checkPrepared(c *plan.Change, fail failFunc) {
	if top := h.changes[c.Path.Realm()]; c.Path.Kind() != resource.KindContainer || top != nil && top.Action == plan.Replace {
		return
	}
	for p, other := range h.changes {
		if p.Parent() == c.Path.Parent() && (other.Action == plan.Create || other.Action == plan.Replace) && !h.prepared[p] {
			fail("container %s is not prepared yet", p)
		}
	}
}

// at is when everything is made.
var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (h *host) record(after *state.Record) {
	r := *after
	r.Status.CreatedAt = &at
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

func (h *host) create(c *plan.Change, fail failFunc) {
	r := c.After
	if h.prior.Records[r.Path] != nil && c.Before == nil {
		fail("it is recorded already")
	}
	if r.Path.Kind() != resource.KindContainer {
		h.level(r, fail)
		h.makeNetwork(r, false, fail)
		return
	}
	cell := r.Path.Parent()
	if h.prior.Records[cell] == nil {
		fail("the cell is not recorded")
	}
	if _, ok := h.actual.Cgroups[h.prior.Records[cell].Status.Cgroup]; !ok || path.Dir(r.Status.Cgroup) != h.prior.Records[cell].Status.Cgroup {
		fail("the cell has no cgroup")
	}
	spec := r.Spec.(*resource.Container)
	if !h.local[plan.ImageKey{Namespace: r.Status.Namespace, Reference: spec.Image}] {
		fail("the image is not there")
	}
	ns := h.actual.Namespaces[r.Status.Namespace]
	if ns == nil {
		fail("there is no namespace")
	}
	if ns.Containers[r.Status.ContainerID] != nil {
		fail("containerd has such a container already")
	}
	if r.Status.ImageDigest != digestOf(spec.Image) || r.Status.SpecDigest != resource.CreationDigest(spec) {
		fail("wrong digests")
	}
	made := &plan.Container{ID: r.Status.ContainerID, Labels: map[string]string{
		plan.LabelPath: string(r.Path), plan.LabelProject: r.Status.Project, plan.LabelRole: spec.Role(r.Path.Name()),
		plan.LabelSpecDigest: r.Status.SpecDigest, plan.LabelImageDigest: r.Status.ImageDigest,
	}}
	h.run(r, made, true, fail)
	h.limit(r)
	ns.Containers[made.ID] = made
}

// policyOf returns the restart policy as containerd keeps to it.
func policyOf(r *state.Record) string {
	policy := r.Spec.(*resource.Container).RestartPolicy
	if policy == "no" {
		return ""
	}
	return policy
}

func (h *host) run(r *state.Record, c *plan.Container, created bool, fail failFunc) {
	if c.Status == plan.TaskRunning {
		fail("it runs already")
	}
	cell := r.Path.Parent()
	h.enter(r, c, created, fail)
	for _, on := range r.Spec.(*resource.Container).DependsOn {
		h.wantReady(cell.Join(on.Name), on.Condition, fail)
	}
	h.wantCells(cell, fail)
	c.Status, c.PID, c.ExitCode, c.RestartPolicy = plan.TaskRunning, 1, 0, policyOf(r)
	h.confine(r, c, true, fail)
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

func (h *host) container(r *state.Record, fail failFunc) *plan.Container {
	c := h.actual.Container(r.Status.Namespace, r.Status.ContainerID)
	if c == nil {
		fail("containerd has no such container")
	}
	return c
}

// operate does what an imperative command asks for.
func (h *host) operate(op plan.Op, c *plan.Change, fail failFunc) {
	found := h.container(c.After, fail)
	switch {
	case op == plan.OpPause && found.Status == plan.TaskRunning:
		found.Status, found.RestartPolicy = plan.TaskPaused, ""
	case op == plan.OpUnpause && found.Status == plan.TaskPaused:
		found.Status, found.RestartPolicy = plan.TaskRunning, policyOf(c.After)
	case op == plan.OpKill && c.Signal == "SIGKILL":
		found.Status, found.ExitCode, found.NetNS, found.PID, found.RestartPolicy = plan.TaskStopped, 137, 0, 0, ""
	case op != plan.OpKill:
		fail("it is %s", found.Status)
	}
	h.record(c.After)
}

func (h *host) stop(of *plan.Change, fail failFunc) {
	r := of.Before
	if of.Action == plan.Stop || of.Action == plan.Shutdown {
		if of.Action == plan.Shutdown {
			h.wantDependentsEnded(r, fail)
		}
		if found := h.actual.Container(r.Status.Namespace, r.Status.ContainerID); found != nil {
			found.Status, found.NetNS, found.PID, found.RestartPolicy = plan.TaskNone, 0, 0, ""
		}
		h.record(of.After)
		return
	}
	c := h.actual.Container(r.Status.Namespace, r.Status.ContainerID)
	if c == nil {
		return
	}
	for p, other := range h.siblings(r) {
		change, record := h.changes[p], h.prior.Records[p]
		if change == nil || record == nil || other.Status != plan.TaskRunning || change.Action == plan.Check || change.Action == plan.Update && !change.Start {
			continue
		}
		if of.Action == plan.Delete && slices.ContainsFunc(record.Spec.(*resource.Container).DependsOn, func(on resource.Dependency) bool { return on.Name == r.Path.Name() }) {
			fail("%s depends on it, is to be taken down too and still runs", p)
		}
	}
	c.Status, c.NetNS, c.PID, c.RestartPolicy = plan.TaskStopped, 0, 0, ""
}

// wantDependentsEnded makes sure that nothing runs that depends on the container, which is shut down.
func (h *host) wantDependentsEnded(r *state.Record, fail failFunc) {
	cell := r.Path.Parent()
	for p, other := range h.prior.Records {
		spec, ok := other.Spec.(*resource.Container)
		if !ok || p == r.Path || h.container(other, fail).Status != plan.TaskRunning {
			continue
		}
		onCell := slices.ContainsFunc(h.prior.Records[p.Parent()].CellDependencies(), func(on resource.CellDependency) bool { return resource.Path(on.Name) == cell })
		onIt := slices.ContainsFunc(spec.DependsOn, func(on resource.Dependency) bool { return p.Parent().Join(on.Name) == r.Path })
		if onCell || onIt || p.Parent() == cell && r.Spec.(*resource.Container).Root {
			fail("%s depends on it and still runs", p)
		}
	}
}

func (h *host) remove(c *plan.Change, fail failFunc) {
	r := c.Before
	for p := range h.prior.Records {
		if p != r.Path && r.Path.Contains(p) {
			fail("%s is still recorded", p)
		}
	}
	for name := range h.actual.Cgroups {
		if !strings.HasPrefix(name, r.Status.Cgroup+"/") {
			continue
		}
		if h.prior.Records[r.Path] != nil {
			fail("cgroup %s is below", name)
		}
		delete(h.actual.Cgroups, name) // unrecorded
	}
	if r.Path.Kind() == resource.KindContainer {
		if c.Action == plan.Replace && c.After.Status.Namespace == r.Status.Namespace {
			key := plan.ImageKey{Namespace: c.After.Status.Namespace, Reference: c.After.Spec.(*resource.Container).Image}
			if change := h.prior.Records[r.Path.Realm()]; !h.local[key] && change != nil && h.actual.Namespaces[key.Namespace] != nil && !cascaded(c) {
				fail("the image for its successor is not there")
			}
		}
		h.wantDependentsGone(r.Path.Parent(), fail)
		h.stop(&plan.Change{Path: r.Path, Action: plan.Delete, Before: r}, fail)
		h.leave(r, fail)
		if ns := h.actual.Namespaces[r.Status.Namespace]; ns != nil {
			delete(ns.Containers, r.Status.ContainerID)
		}
	}
	if ns := h.actual.Namespaces[r.Status.Namespace]; ns != nil && r.Path.Kind() == resource.KindRealm {
		if len(ns.Containers) > 0 {
			fail("namespace %s holds %v", r.Status.Namespace, slices.Collect(maps.Keys(ns.Containers)))
		}
		delete(h.actual.Namespaces, r.Status.Namespace)
		for key := range h.local {
			if key.Namespace == r.Status.Namespace {
				delete(h.local, key)
			}
		}
	}
	h.removeNetwork(r.Path, fail)
	delete(h.actual.Cgroups, r.Status.Cgroup)
	delete(h.prior.Records, r.Path)
}

// cascaded reports whether c is replaced along with its realm, whose new namespace can't hold an image yet.
func cascaded(c *plan.Change) bool {
	return slices.ContainsFunc(c.Reasons, func(r string) bool { return strings.HasPrefix(r, "replaced because realm") })
}
