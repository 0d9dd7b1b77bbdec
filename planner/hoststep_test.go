package planner

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

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
		if s.Path.IsVolume() {
			h.makeVolume(c.After, fail)
		} else {
			h.create(c, fail)
		}
		h.record(c.After)
		h.checkAddresses(fail)
	case plan.OpUpdate:
		if h.prior.Records[s.Path] == nil {
			fail("there is no record")
		}
		switch s.Path.Kind() {
		case resource.KindVolume:
			r := *c.After
			h.makeVolume(&r, fail)
			h.record(&r)
			return
		case resource.KindContainer:
			found := h.container(c.After, fail)
			found.RestartPolicy = policyOf(c.After)
			found.Labels[plan.LabelSpecDigest], found.Labels[plan.LabelImageDigest] = c.After.Status.SpecDigest, c.After.Status.ImageDigest
			if c.RenamesImage() && !h.local[c.ImageKey()] && h.has(c.ImageKey()) {
				fail("the image is there, and not by the name of the container's")
			}
			h.confine(c.After, found, false, fail)
		default:
			h.level(c.After, fail)
			h.makeNetwork(c.After, true, fail)
		}
		h.limit(c.After)
		h.record(c.After)
		h.checkAddresses(fail)
	case plan.OpDelete:
		if s.Path.IsVolume() {
			h.removeVolume(c.Before, fail)
			return
		}
		h.checkPrepared(c, fail)
		for _, carried := range c.Carried {
			if h.prior.Records[carried.To] == nil {
				fail("volume %s is not there yet", carried.To)
			}
		}
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
	h.mount(c.After, fail)
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
	for _, p := range resource.VolumesOf(r.Spec) {
		if h.prior.Records[p] == nil {
			fail("volume %s is not recorded", p)
		}
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
	h.mounted[r.Path], h.created[r.Path] = h.mount(r, fail), h.now()
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

func (h *host) container(r *state.Record, fail failFunc) *plan.Container {
	c := h.actual.Container(r.Status.Namespace, r.Status.ContainerID)
	if c == nil {
		fail("containerd does not have the container")
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
		if p != r.Path && r.Path.Contains(p) && !p.IsVolume() { // volumes are kept
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
