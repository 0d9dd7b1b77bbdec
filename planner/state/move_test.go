package state

import (
	"slices"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestRename(t *testing.T) {
	st := example()
	st.Records["r/s/t/c/y"] = &Record{Path: "r/s/t/c/y", Spec: &resource.Container{Image: "i:1"}, Status: Status{ContainerID: "s_t_c_y", Cgroup: "/y"}}
	before := st.Fingerprint()
	rename := func(from, to resource.Path) ([]*Record, error) {
		made, refused := st.Rename(map[resource.Path]resource.Path{from: to})
		if len(refused) > 0 {
			return nil, refused[0].Err
		}
		if len(made) == 0 {
			return nil, nil
		}
		return made[0].Records, nil
	}
	changed, err := rename("r/s/t/c/y", "r/s/t/c/z")
	if err != nil || len(changed) != 2 {
		t.Fatal(changed, err)
	}
	if r := changed[0]; r.Path != "r/s/t/c/z" || r.Status.ContainerID != "s_t_c_y" || r.Status.Cgroup != "/y" {
		t.Errorf("%+v", r)
	}
	if on := changed[1].Spec.(*resource.Container).DependsOn; changed[1].Path != "r/s/t/c/x" || on[0].Name != "z" {
		t.Errorf("%+v", changed[1])
	}
	if st.Fingerprint() != before {
		t.Error("the state that was read has changed")
	}
	// Interrupted, it has left both records, and the newer one counts.
	done := *changed[0]
	done.Status.Run = "stopped"
	st.Records["r/s/t/c/z"] = &done
	if again, err := rename("r/s/t/c/y", "r/s/t/c/z"); err != nil || again[0].Status.Run != "stopped" {
		t.Error(again, err)
	}
	if changed, err := rename("r/s/t/c/none", "r/s/t/c/z"); err != nil || changed != nil {
		t.Error(changed, err)
	}
	for _, c := range [][3]string{
		{"r/s/t/c/y", "r/s/t/c/x", "is recorded already"},
		{"r/s/t/c/y", "r/s/t/d/y", "can't be moved to cell r/s/t/d"},
		{"r/s/t/c/y", "r/s/t/y", "would be a cell"},
		{"r/s/t/c", "r/s/u/c", "can't be moved to stack r/s/u"},
		{"r/s/t", "r/v/t", "can't be moved to space r/v"},
		{"r/s", "q/s", "can't be moved to realm q"},
		{"r", "u", "a realm can't be renamed"},
	} {
		if _, err := rename(resource.Path(c[0]), resource.Path(c[1])); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s to %s: %v", c[0], c[1], err)
		}
	}
}

// nested is a state with two cells, of which one depends on the other and is attached to another space.
func nested() *State {
	st := &State{Records: map[resource.Path]*Record{}}
	for p, spec := range map[resource.Path]resource.Spec{
		"r": &resource.Realm{}, "r/s": &resource.Space{}, "r/s/t": &resource.Stack{}, "r/s/t/c": &resource.Cell{}, "r/s/t/c/x": &resource.Container{},
		"r/o": &resource.Space{}, "r/o/t": &resource.Stack{}, "r/o/t/d": &resource.Cell{DependsOn: []resource.CellDependency{{Name: "r/s/t/c"}}},
		"r/o/t/d/x": &resource.Container{Networks: []string{"s"}},
	} {
		r := &Record{Path: p, Spec: spec, Status: Status{Cgroup: resource.CgroupOf(p, spec)}}
		switch p.Kind() {
		case resource.KindContainer:
			r.Status.ContainerID = resource.ContainerID(p)
		case resource.KindCell:
			r.Status.Attachment = &Attachment{Names: []string{p.Name(), p.Name() + ".t", "alias"}, Interfaces: []Interface{{Name: "eth0", Space: p.Space()}, {Name: "eth1", Space: "r/s"}}}
		}
		st.Records[p] = r
	}
	return st
}

func TestRenameWithAllBelow(t *testing.T) {
	for _, moves := range []map[resource.Path]resource.Path{
		{"r/s": "r/a", "r/s/t": "r/s/u", "r/a/u/c": "r/a/u/b", "r/s/t/c/x": "r/s/t/c/y"},
		{"r/s": "r/mid", "r/mid": "r/a", "r/a/t": "r/a/u", "r/s/t/c": "r/s/t/b", "r/a/u/b/x": "r/a/u/b/y"},
	} {
		st := nested()
		made, refused := st.Rename(moves)
		if len(refused) > 0 {
			t.Fatal(refused[0].Err)
		}
		// Cut short anywhere, it ends the same.
		for n := range 5 {
			half := st.Clone()
			for _, m := range made {
				for _, r := range m.Records[:min(n, len(m.Records))] {
					half.Records[r.Path] = r
				}
			}
			again, refused := half.Rename(moves)
			if len(refused) > 0 {
				t.Fatal(refused[0].Err)
			}
			half.Renamed(again)
			whole := st.Clone()
			whole.Renamed(made)
			if half.Fingerprint() != whole.Fingerprint() {
				t.Errorf("cut short after %d records: %v, not %v", n, half.Paths(), whole.Paths())
			}
		}
		st.Renamed(made)
		want := []resource.Path{"r", "r/a", "r/a/u", "r/a/u/b", "r/a/u/b/y", "r/o", "r/o/t", "r/o/t/d", "r/o/t/d/x"}
		if got := st.Paths(); !slices.Equal(got, want) {
			t.Fatalf("%v", got)
		}
		cell, other := st.Records["r/a/u/b"], st.Records["r/o/t/d"]
		if cell.CellID() != "r_s_t_c" || cell.Status.Cgroup != "/kukeon/r/s/t/c" || !slices.Equal(cell.Status.Attachment.Names, []string{"b", "b.u", "alias"}) ||
			cell.Status.Attachment.Interfaces[0].Space != "r/a" {
			t.Errorf("%+v %+v", cell.Status, cell.Status.Attachment)
		}
		if on := other.Spec.(*resource.Cell).DependsOn[0].Name; on != "r/a/u/b" || other.Status.Attachment.In("r/a") == nil || other.Status.CellID != "" {
			t.Errorf("%v %+v", on, other.Status)
		}
		if of := st.Records["r/o/t/d/x"].Spec.(*resource.Container).Networks; of[0] != "a" {
			t.Errorf("%v", of)
		}
		if x := st.Records["r/a/u/b/y"]; x.Status.ContainerID != "s_t_c_x" {
			t.Errorf("%+v", x.Status)
		}
	}
}

func TestRenameTaken(t *testing.T) {
	cell := func(p resource.Path) *Record {
		return &Record{Path: p, Spec: &resource.Cell{}, Status: Status{Cgroup: resource.CgroupOf(p, nil)}}
	}
	st := &State{Records: map[resource.Path]*Record{"r/s/t/a": cell("r/s/t/a"), "r/s/t/b": cell("r/s/t/b")}}
	made, refused := st.Rename(map[resource.Path]resource.Path{"r/s/t/a": "r/s/t/b", "r/s/t/b": "r/s/t/c"})
	if len(made) != 1 || made[0].From != "r/s/t/b" || len(refused) != 1 || refused[0].From != "r/s/t/a" || !refused[0].Taken {
		t.Errorf("%+v, %+v", made, refused)
	}
	// Back where it came from, it has the id that its path makes.
	st = &State{Records: map[resource.Path]*Record{"r/s/t/a": cell("r/s/t/a")}}
	for _, m := range []map[resource.Path]resource.Path{{"r/s/t/a": "r/s/t/b"}, {"r/s/t/b": "r/s/t/a"}} {
		made, _ := st.Rename(m)
		st.Renamed(made)
	}
	if r := st.Records["r/s/t/a"]; r == nil || r.Status.CellID != "" {
		t.Errorf("%+v", r)
	}
}

func TestTake(t *testing.T) {
	st := example()
	changed, err := st.Take("r/s/t", "q")
	if err != nil || len(changed) != 3 || changed[0].Path != "r/s/t" || changed[0].Status.Project != "q" || st.Records["r/s/t"].Status.Project != "p" {
		t.Errorf("%v, %v", changed, err)
	}
	if changed, err := st.Take("r", "p"); err != nil || len(changed) != 0 {
		t.Errorf("%v, %v", changed, err)
	}
	if _, err := st.Take("none", "p"); err == nil {
		t.Error("a missing resource is taken")
	}
}
