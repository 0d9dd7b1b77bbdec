package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// host is a state and a pretended host. Its apply does what the executor does, and checks at each step that it
// could be done: that is what the order of a plan is for.
type host struct {
	rapid.TB
	prior  *state.State
	actual *Actual
	local  map[ImageKey]bool
	netns  uint64 // the last network namespace made
	// changes are those of the plan that is carried out.
	changes map[realm.Path]*Change
}

func newHost(t rapid.TB) *host {
	return &host{
		TB:    t,
		prior: &state.State{Lineage: "lineage", Records: map[realm.Path]*state.Record{}},
		actual: &Actual{
			Version: "2.4.2", CgroupMode: "v1", Controllers: map[string]bool{"memory": true, "cpu": true, "pids": true, "io": true},
			Namespaces: map[string]*Namespace{}, Cgroups: map[string]realm.Resources{}, MissingPaths: map[string]bool{},
		},
		local: map[ImageKey]bool{},
	}
}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// refresh looks for the images of desired, as the executor's does.
func (h *host) refresh(desired *realm.Tree) {
	h.actual.Images = map[ImageKey]ImageStatus{}
	if desired == nil {
		return
	}
	for _, r := range desired.Resources() {
		c, ok := r.Spec.(*realm.Container)
		if !ok {
			continue
		}
		namespace := realm.NamespaceOf(r.Path, nil)
		if top := desired.Resource(r.Path.Realm()); top != nil && !top.External {
			namespace = realm.NamespaceOf(r.Path, top.Spec.(*realm.Realm))
		} else if record := h.prior.Records[r.Path.Realm()]; record != nil {
			namespace = record.Status.Namespace
		}
		key := ImageKey{namespace, c.Image}
		h.actual.Images[key] = ImageStatus{Digest: digestOf(c.Image), Local: h.local[key]}
		if strings.Contains(c.Image, "missing") {
			h.actual.Images[key] = ImageStatus{Err: "no such host"}
		}
	}
}

func (h *host) new(desired *realm.Tree, opts Options) (*Plan, realm.Diagnostics) {
	if opts.Project == "" {
		opts.Project = "default"
	}
	h.refresh(desired)
	return New(desired, h.prior, h.actual, opts)
}

// plan makes a plan, which must succeed.
func (h *host) plan(desired *realm.Tree, opts Options) *Plan {
	h.Helper()
	p, diags := h.new(desired, opts)
	if diags.HasErrors() {
		h.Fatalf("no plan: %v", diags)
	}
	return p
}

// converge plans and applies, and checks that there is nothing left to do.
func (h *host) converge(desired *realm.Tree, opts Options) *Plan {
	h.Helper()
	p := h.plan(desired, opts)
	h.apply(p)
	if left := h.plan(desired, opts); !left.Empty() {
		h.Fatalf("after the apply of\n%s\nthere is still to do:\n%s", text(p), text(left))
	}
	return p
}

// apply carries out the plan in its own order.
func (h *host) apply(p *Plan) {
	h.Helper()
	h.applySome(p, len(p.Steps), func([]int) int { return 0 })
}

// applySome carries out count steps of the plan. Of those that are free pick says which is next: all that
// matters is what steps wait for.
func (h *host) applySome(p *Plan, count int, pick func(free []int) int) {
	h.Helper()
	h.changes = p.ChangesByPath()
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

type failFunc func(format string, args ...any)

func (h *host) step(s Step, c *Change, fail failFunc) {
	switch s.Op {
	case OpImage:
		if h.actual.Namespaces[s.Image.Namespace] == nil {
			fail("there is no namespace %s", s.Image.Namespace)
		}
		if s.Image.Digest != digestOf(s.Image.Reference) {
			fail("digest %s", s.Image.Digest)
		}
		h.local[ImageKey{s.Image.Namespace, s.Image.Reference}] = true
	case OpCreate:
		h.create(c, fail)
		h.record(c.After)
	case OpUpdate:
		if h.prior.Records[s.Path] == nil {
			fail("there is no record")
		}
		if s.Path.Kind() == realm.KindContainer {
			h.container(c.After, fail)
		} else {
			h.level(c.After, fail)
		}
		h.limit(c.After)
		h.record(c.After)
	case OpDelete:
		h.remove(c, fail)
	case OpStop:
		h.stop(c.Before, fail)
	case OpStart:
		h.run(c.After, h.container(c.After, fail), fail)
		h.record(c.After)
	case OpAdopt:
		h.container(c.After, fail)
		h.record(c.After)
	default:
		fail("unknown operation")
	}
}

// at is when everything is made.
var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (h *host) record(after *state.Record) {
	r := *after
	r.Status.CreatedAt = &at
	r.Status.Limits = nil
	if *realm.ResourcesOf(r.Spec) != (realm.Resources{}) {
		limits := h.actual.Cgroups[r.Status.Cgroup]
		r.Status.Limits = &limits
	}
	h.prior.Records[r.Path] = &r
}

func (h *host) limit(r *state.Record) {
	h.actual.Cgroups[r.Status.Cgroup] = *realm.ResourcesOf(r.Spec)
}

// level makes what a realm, space, stack or cell is on the host.
func (h *host) level(r *state.Record, fail failFunc) {
	if parent := r.Path.Parent(); parent != "" {
		if h.prior.Records[parent] == nil {
			fail("the parent is not recorded")
		}
		if _, ok := h.actual.Cgroups["/kukeon/"+string(parent)]; !ok {
			fail("the parent has no cgroup")
		}
		if h.actual.Namespaces[r.Status.Namespace] == nil {
			fail("there is no namespace %s", r.Status.Namespace)
		}
	} else if h.actual.Namespaces[r.Status.Namespace] == nil {
		h.actual.Namespaces[r.Status.Namespace] = &Namespace{
			Labels:     map[string]string{LabelPath: string(r.Path), LabelProject: r.Status.Project},
			Containers: map[string]*Container{},
		}
	}
	h.limit(r)
}

func (h *host) create(c *Change, fail failFunc) {
	r := c.After
	if h.prior.Records[r.Path] != nil && c.Before == nil {
		fail("it is recorded already")
	}
	if r.Path.Kind() != realm.KindContainer {
		h.level(r, fail)
		return
	}
	cell := r.Path.Parent()
	if h.prior.Records[cell] == nil {
		fail("the cell is not recorded")
	}
	if _, ok := h.actual.Cgroups["/kukeon/"+string(cell)]; !ok {
		fail("the cell has no cgroup")
	}
	spec := r.Spec.(*realm.Container)
	if !h.local[ImageKey{r.Status.Namespace, spec.Image}] {
		fail("the image is not there")
	}
	ns := h.actual.Namespaces[r.Status.Namespace]
	if ns == nil {
		fail("there is no namespace")
	}
	if ns.Containers[r.Status.ContainerID] != nil {
		fail("containerd has such a container already")
	}
	if r.Status.ImageDigest != digestOf(spec.Image) || r.Status.SpecDigest != realm.CreationDigest(spec) {
		fail("wrong digests")
	}
	made := &Container{ID: r.Status.ContainerID, Labels: map[string]string{
		LabelPath: string(r.Path), LabelProject: r.Status.Project, LabelRole: spec.Role(r.Path.Name()),
		LabelSpecDigest: r.Status.SpecDigest, LabelImageDigest: r.Status.ImageDigest,
	}}
	h.run(r, made, fail)
	h.limit(r)
	ns.Containers[made.ID] = made
}

func (h *host) run(r *state.Record, c *Container, fail failFunc) {
	spec := r.Spec.(*realm.Container)
	if c.Status == TaskRunning {
		fail("it runs already")
	}
	others := h.siblings(r)
	if spec.Root {
		for p, other := range others {
			if other.NetNS != 0 {
				fail("%s still lives in the old network namespace", p)
			}
		}
		h.netns++
		c.NetNS = h.netns
	} else {
		c.NetNS = h.rootNetNS(r.Path.Parent())
		if c.NetNS == 0 {
			fail("the root container does not run")
		}
		for _, name := range spec.DependsOn {
			if other := others[r.Path.Parent().Join(name)]; other == nil || other.Status != TaskRunning {
				fail("%s, on which it depends, does not run", name)
			}
		}
	}
	c.Status, c.PID, c.ExitCode = TaskRunning, 1, 0
}

// siblings returns the other containers of the cell that containerd has.
func (h *host) siblings(r *state.Record) map[realm.Path]*Container {
	all := map[realm.Path]*Container{}
	for _, ns := range h.actual.Namespaces {
		for _, c := range ns.Containers {
			if p := realm.Path(c.Labels[LabelPath]); p.Parent() == r.Path.Parent() && p != r.Path {
				all[p] = c
			}
		}
	}
	return all
}

func (h *host) rootNetNS(cell realm.Path) uint64 {
	for p, r := range h.prior.Records {
		if spec, ok := r.Spec.(*realm.Container); ok && spec.Root && p.Parent() == cell {
			if c := h.actual.container(r.Status.Namespace, r.Status.ContainerID); c != nil {
				return c.NetNS
			}
		}
	}
	return 0
}

func (h *host) container(r *state.Record, fail failFunc) *Container {
	c := h.actual.container(r.Status.Namespace, r.Status.ContainerID)
	if c == nil {
		fail("containerd has no such container")
	}
	return c
}

func (h *host) stop(r *state.Record, fail failFunc) {
	if c := h.actual.container(r.Status.Namespace, r.Status.ContainerID); c != nil {
		for p, other := range h.siblings(r) {
			if r.Spec.(*realm.Container).Root && other.NetNS != 0 && other.NetNS == c.NetNS {
				fail("%s still lives in its network namespace", p)
			}
			change, record := h.changes[p], h.prior.Records[p]
			if change == nil || record == nil || other.Status != TaskRunning || change.Action == Update && !change.Start {
				continue
			}
			if slices.Contains(record.Spec.(*realm.Container).DependsOn, r.Path.Name()) {
				fail("%s depends on it, is to be taken down too and still runs", p)
			}
		}
		c.Status, c.NetNS, c.PID = TaskStopped, 0, 0
	}
}

func (h *host) remove(c *Change, fail failFunc) {
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
	if r.Path.Kind() == realm.KindContainer {
		if c.Action == Replace && c.After.Status.Namespace == r.Status.Namespace {
			key := ImageKey{c.After.Status.Namespace, c.After.Spec.(*realm.Container).Image}
			if change := h.prior.Records[r.Path.Realm()]; !h.local[key] && change != nil && h.actual.Namespaces[key.Namespace] != nil && !c.cascaded() {
				fail("the image for its successor is not there")
			}
		}
		h.stop(r, fail)
		if ns := h.actual.Namespaces[r.Status.Namespace]; ns != nil {
			delete(ns.Containers, r.Status.ContainerID)
		}
	}
	if ns := h.actual.Namespaces[r.Status.Namespace]; ns != nil && r.Path.Kind() == realm.KindRealm {
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
	delete(h.actual.Cgroups, r.Status.Cgroup)
	delete(h.prior.Records, r.Path)
}

// cascaded reports whether c is replaced along with its realm, whose new namespace can't hold an image yet.
func (c *Change) cascaded() bool {
	return slices.ContainsFunc(c.Reasons, func(r string) bool { return strings.HasPrefix(r, "replaced because realm") })
}

// text spells a plan for people and for comparison: a line for each change, its reasons and what forces it, then
// a line for each step.
func text(p *Plan) string {
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%s %s", c.Action, c.Path)
		if c.Start && c.Action != Start && c.Action != Restart {
			b.WriteString(" and start")
		}
		b.WriteString("\n")
		for _, r := range c.Reasons {
			fmt.Fprintf(&b, "  # %s\n", r)
		}
		if c.Action == Update || c.Action == Replace && c.Before != nil {
			for _, d := range c.Diffs {
				mark := ""
				if d.ForcesReplacement {
					mark = "!"
				}
				fmt.Fprintf(&b, "  %s%s: %v -> %v\n", mark, d.Name, d.Before, d.After)
			}
		}
	}
	b.WriteString("--\n")
	for i, s := range p.Steps {
		name := string(s.Path)
		if s.Image != nil {
			name = fmt.Sprintf("%s %s", s.Image.Namespace, s.Image.Reference)
		}
		fmt.Fprintf(&b, "%d %s %s", i, s.Op, name)
		if len(s.After) > 0 {
			fmt.Fprintf(&b, " after %v", s.After)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// changesOf is the part of text before the steps.
func changesOf(p *Plan) string {
	changes, _, _ := strings.Cut(text(p), "--\n")
	return changes
}

func asJSON(t rapid.TB, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// tree builds a tree out of specs by path.
func tree(specs map[realm.Path]realm.Spec) *realm.Tree {
	t := realm.NewTree()
	for p, spec := range specs {
		t.Add(&realm.Resource{Path: p, Spec: spec, Declared: realm.Range{File: "main.hcl", Start: realm.Pos{Line: p.Depth(), Column: 1}}})
	}
	return t
}

type specs = map[realm.Path]realm.Spec

const (
	theRealm = realm.Path("main")
	theSpace = realm.Path("main/default")
	theStack = realm.Path("main/default/blog")
	theCell  = realm.Path("main/default/blog/web")
	theRoot  = realm.Path("main/default/blog/web/web")
	theSide  = realm.Path("main/default/blog/web/side")
)

// example is a cell of a root container and another, and all above it, changed by edit.
func example(edit func(specs)) *realm.Tree {
	s := specs{
		theRealm: &realm.Realm{}, theSpace: &realm.Space{}, theStack: &realm.Stack{}, theCell: &realm.Cell{},
		theRoot: &realm.Container{Root: true, Image: "web:1"}, theSide: &realm.Container{Image: "side:1"},
	}
	if edit != nil {
		edit(s)
	}
	return tree(s)
}

// made returns a host on which the example was applied.
func made(t *testing.T) *host {
	t.Helper()
	h := newHost(t)
	h.converge(example(nil), Options{})
	return h
}

func (h *host) at(p realm.Path) *Container {
	return h.actual.container("kukeon-main", realm.ContainerID(p))
}

func (h *host) kill(p realm.Path, code uint32) {
	c := h.at(p)
	c.Status, c.ExitCode, c.NetNS, c.PID = TaskStopped, code, 0, 0
}
