package planner

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// told returns what a host tells of the resources of the state.
func told(st *state.State) *plan.Evidence {
	e := &plan.Evidence{Cgroups: map[string]resource.Resources{}, Cells: map[resource.Path][]plan.InterfaceEvidence{}}
	for _, p := range st.Paths() {
		r := st.Records[p]
		switch spec := r.Spec.(type) {
		case *resource.Realm:
			e.Realms = append(e.Realms, plan.RealmEvidence{Path: p, Namespace: r.Status.Namespace, Project: r.Status.Project, Labels: spec.Labels})
		case *resource.Container:
			e.Containers = append(e.Containers, plan.ContainerEvidence{
				Path: p, ID: r.Status.ContainerID, Namespace: r.Status.Namespace, Cgroup: r.Status.Cgroup, Project: r.Status.Project,
				CellID: st.Records[p.Parent()].CellID(), SpecDigest: r.Status.SpecDigest, ImageDigest: r.Status.ImageDigest, Spec: spec, Limits: r.Status.Limits,
			})
			continue
		}
		limits := resource.Resources{}
		if r.Status.Limits != nil {
			limits = *r.Status.Limits
		}
		e.Cgroups[r.Status.Cgroup] = limits
		if n := r.Status.Network; n != nil {
			e.Networks = append(e.Networks, plan.CNINetwork{Name: n.Name, File: n.File, Subnets: []netip.Prefix{netip.MustParsePrefix(n.Subnet)}, Path: string(p), Project: r.Status.Project, Bridge: n.Bridge})
		}
		if a := r.Status.Attachment; a != nil {
			for n, i := range a.Interfaces {
				told := plan.InterfaceEvidence{Name: i.Name, Network: i.Network.Name, Address: netip.MustParsePrefix(i.Address)}
				if n == 0 {
					told.Published = a.Published
				}
				e.Cells[p] = append(e.Cells[p], told)
			}
		}
	}
	return e
}

func (h *host) lose(p resource.Path, unreadable bool) {
	delete(h.prior.Records, p)
	if unreadable {
		h.prior.Unreadable = append(h.prior.Unreadable, state.Unreadable{Path: p})
	}
}

// restore records again what is lost, as far as the evidence tells.
func (h *host) restore(e *plan.Evidence, lost []resource.Path) {
	known := *e
	known.Containers = slices.DeleteFunc(slices.Clone(e.Containers), func(c plan.ContainerEvidence) bool {
		return h.prior.Records[c.Path] != nil && h.prior.Records[c.Path.Parent()] != nil // as the executor leaves them out
	})
	records, _ := Rebuild(h.prior, &known, lost)
	for _, r := range records {
		h.prior.Records[r.Path] = r
	}
}

func networkNames(s state.Status) (names state.Network) {
	if s.Network != nil {
		names = *s.Network
		names.Firewall = "" // which follows from what can't be read back
	}
	return names
}

// madeAndMoved returns a host on which the example was applied, or one with something that was moved beside what has taken its
// former path, and the configuration.
func madeAndMoved(rt *rapid.T) (*host, *resource.Tree) {
	from := rapid.SampledFrom([]resource.Path{"", theSide, theCell, theStack, theSpace}).Draw(rt, "moved")
	if from == "" {
		return made(rt), example(nil)
	}
	h := newHost(rt)
	before := specs{
		theRealm: &resource.Realm{}, theSpace: &resource.Space{}, theStack: &resource.Stack{}, theCell: &resource.Cell{},
		theRoot: &resource.Container{Root: true, Image: "web:1"}, theSide: &resource.Container{Image: "side:1"},
	}
	h.converge(tree(before), Options{})
	moves := map[resource.Path]resource.Path{from: from.Parent().Join("moved")}
	both := renamed(rt, before, moves)
	h.converge(tree(both), movesTo(moves))
	maps.Copy(both, before)
	h.converge(tree(both), Options{})
	return h, tree(both)
}

// Whatever records are lost, and whatever of it the host tells, what runs is neither made again nor removed.
func TestLostRecordsCostNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h, desired := madeAndMoved(rt)
		e, all, before := told(h.prior), h.prior.Paths(), h.prior.Clone()
		rebooted := rapid.Bool().Draw(rt, "rebooted")
		if rebooted {
			e.Cgroups, e.Cells = nil, nil
		}
		for _, p := range all {
			if !rapid.Bool().Draw(rt, "keep "+string(p)) {
				// A container that is deleted, and not unreadable, is an orphan that the plan adopts.
				h.lose(p, p.Kind() == resource.KindContainer || rapid.Bool().Draw(rt, "unreadable"))
			}
		}
		h.restore(e, Lost(h.prior))
		h.refresh(desired)
		h.restore(e, LostWithCells(desired, h.prior, h.actual, Options{Project: "default"}))
		pl := h.plan(desired, Options{})
		for _, c := range pl.Changes {
			if container := c.Path.Kind() == resource.KindContainer; container && c.Action != plan.Update || c.Action == plan.Replace || c.Action == plan.Delete {
				rt.Fatalf("of what was lost: %s", text(pl))
			}
		}
		h.converge(desired, Options{})
		for _, p := range all {
			was, is := before.Records[p].Status, h.prior.Records[p].Status
			if !rebooted && !reflect.DeepEqual(was.Attachment, is.Attachment) || was.Project != is.Project || was.ContainerID != is.ContainerID ||
				was.Cgroup != is.Cgroup || was.CellID != is.CellID || networkNames(was) != networkNames(is) {
				rt.Fatalf("%s was %+v and is %+v", p, was, is)
			}
		}
	})
}

func TestLost(t *testing.T) {
	h := made(t)
	if lost := Lost(h.prior); len(lost) > 0 {
		t.Errorf("%v of a whole state", lost)
	}
	h.lose(theSide, false) // which an interrupted apply could have left, too
	if lost := Lost(h.prior); len(lost) > 0 {
		t.Errorf("%v without a container", lost)
	}
	h.lose(theRoot, true)
	h.lose(theCell, false)
	if lost := Lost(h.prior); !slices.Equal(lost, []resource.Path{theRoot}) {
		t.Errorf("%v without all of the cell", lost)
	}
	desired := example(nil)
	h.refresh(desired)
	opts := Options{Project: "default"}
	if lost := LostWithCells(desired, h.prior, h.actual, opts); !slices.Equal(lost, []resource.Path{theCell}) {
		t.Errorf("%v of what is wanted", lost)
	}
	if lost := LostWithCells(resource.NewTree(), h.prior, h.actual, opts); len(lost) > 0 {
		t.Errorf("%v of what nobody wants", lost)
	}
	opts.Destroy = true
	if lost := LostWithCells(nil, h.prior, h.actual, opts); !slices.Equal(lost, []resource.Path{theCell}) {
		t.Errorf("%v of what is destroyed", lost)
	}
	opts.Project = "other"
	if lost := LostWithCells(nil, h.prior, h.actual, opts); len(lost) > 0 {
		t.Errorf("%v of another project", lost)
	}
}

// A container that has ended was made as a whole: its record was lost, and not yet to be written.
func TestLostWithTask(t *testing.T) {
	h := made(t)
	e := told(h.prior)
	h.kill(theSide, 1)
	h.lose(theSide, false)
	desired := example(nil)
	h.refresh(desired)
	lost := LostWithCells(desired, h.prior, h.actual, Options{Project: "default"})
	if !slices.Equal(lost, []resource.Path{theSide}) {
		t.Fatalf("lost %v", lost)
	}
	h.restore(e, lost)
	compare(t, changesOf(h.plan(desired, Options{})), `
start main/default/blog/web/side
  # it exited with code 1
`)
}

// Whose a level is, its labels tell, else what is in it; where that belongs to several, nobody's.
func TestOwnerOfLostLevel(t *testing.T) {
	st := &state.State{Records: map[resource.Path]*state.Record{}}
	for p, project := range map[resource.Path]string{"r/s/t/c/x": "a", "r/s/t/c/y": "a", "r/s/t/d/x": "b"} {
		st.Records[p] = &state.Record{Path: p, Spec: &resource.Container{}, Status: state.Status{Namespace: "n", Project: project}}
	}
	records, _ := Rebuild(st, &plan.Evidence{}, Lost(st))
	got := map[resource.Path]string{}
	for _, r := range records {
		got[r.Path] = r.Status.Project
		if r.Status.Namespace != "n" {
			t.Errorf("%s is in namespace %q", r.Path, r.Status.Namespace)
		}
	}
	for p, want := range map[resource.Path]string{"r": "", "r/s": "", "r/s/t": "", "r/s/t/c": "a", "r/s/t/d": "b"} {
		if owner, ok := got[p]; !ok || owner != want {
			t.Errorf("%s belongs to %q, recorded: %v; not to %q", p, owner, ok, want)
		}
	}
}

// Of a cell whose move was cut short, either record can be lost as well: it ends where it was to.
func TestLostInUnfinishedMove(t *testing.T) {
	for _, lost := range []resource.Path{theCell, theStack + "/moved"} {
		h := made(t)
		e := told(h.prior)
		moves, err := plan.RenameByHand(h.prior, theCell, theStack+"/moved")
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(2e9, 0)
		for _, r := range moves[0].Records {
			r.Status.UpdatedAt = &now
			h.prior.Records[r.Path] = r
		}
		for i, c := range e.Containers {
			e.Containers[i].Path = theStack + "/moved" + c.Path[len(theCell):]
		}
		h.lose(lost, true)
		h.restore(e, Lost(h.prior))
		if ends := h.prior.Unfinished(); len(ends) != 1 || ends[theCell] != theStack+"/moved" {
			t.Errorf("without %s: %v", lost, ends)
		}
	}
}
