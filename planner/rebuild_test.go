package planner

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

func evidence() *plan.Evidence {
	container := func(p resource.Path, root bool) plan.ContainerEvidence {
		spec := &resource.Container{Root: root, Image: "docker.io/library/i:latest"}
		return plan.ContainerEvidence{Path: p, ID: resource.ContainerID(p), Cgroup: resource.CgroupOf(p, spec), Namespace: "kukeon-r", Project: "p", Spec: spec, SpecDigest: resource.CreationDigest(spec), CreatedAt: time.Unix(1, 0)}
	}
	renamed := container("r/s/t/c/side", false)
	renamed.ID, renamed.Cgroup = "s_t_c_old", "/kukeon/r/s/t/c/old_old"
	return &plan.Evidence{
		Realms:   []plan.RealmEvidence{{Path: "r", Namespace: "kukeon-r", Project: "p"}, {Path: "q", Namespace: "n", Project: "p"}},
		Networks: []plan.CNINetwork{{Name: "kukeon-r-s", File: "/etc/cni/net.d/r-s.conflist", Subnets: []netip.Prefix{netip.MustParsePrefix("10.88.0.0/24")}, Path: "r/s", Project: "p", Bridge: "kuke-r-s"}, {Name: "other"}},
		Cgroups:  map[string]resource.Resources{"/kukeon/r": {}, "/kukeon/r/s": {Memory: 1 << 30}, "/kukeon/r/s/t": {}, "/kukeon/r/s/t/c": {}, "/kukeon/r/s/t/empty": {}, "/kukeon/gone/s/t": {}},
		Cells: map[resource.Path][]plan.InterfaceEvidence{"r/s/t/c": {
			{Name: "eth1", Network: "elsewhere", Address: netip.MustParsePrefix("10.9.0.2/24")},
			{Name: "eth0", Network: "kukeon-r-s", Address: netip.MustParsePrefix("10.88.0.2/24"), Published: []string{"8080:80"}},
		}},
		Containers: []plan.ContainerEvidence{container("r/s/t/c/root", true), renamed},
	}
}

func TestRecover(t *testing.T) {
	records, notes := Rebuild(&state.State{}, evidence(), nil)
	var paths []string
	st := &state.State{Records: map[resource.Path]*state.Record{}}
	for _, r := range records {
		paths = append(paths, string(r.Path))
		st.Records[r.Path] = r
		if err := (&plan.Change{Path: r.Path, Action: plan.Forget, Before: r}).Validate(); err != nil {
			t.Errorf("%s: %v", r.Path, err)
		}
	}
	if got, want := strings.Join(paths, " "), "q r r/s r/s/t r/s/t/c r/s/t/c/root r/s/t/c/side r/s/t/empty"; got != want {
		t.Fatalf("recorded %s, not %s", got, want)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "space r/s") {
		t.Errorf("notes %q", notes)
	}
	if ns := st.Records["q"].Spec.(*resource.Realm).Namespace; ns != "n" {
		t.Errorf("namespace %q", ns)
	}
	if limits := st.Records["r/s"].Status.Limits; limits == nil || limits.Memory != 1<<30 || resource.ResourcesOf(st.Records["r/s"].Spec).Memory != 1<<30 {
		t.Errorf("limits %+v", limits)
	}
	a := st.Records["r/s/t/c"].Status.Attachment
	if a == nil || len(a.Interfaces) != 1 || a.Interfaces[0].Address != "10.88.0.2/24" || a.Published[0] != "8080:80" || a.Names[1] != "c.t" {
		t.Errorf("attachment %+v", a)
	}
	if s := st.Records["r/s/t/c/side"].Status; s.ContainerID != "s_t_c_old" || s.Cgroup != "/kukeon/r/s/t/c/old_old" {
		t.Errorf("renamed: %+v", s)
	}
	if s := st.Records["r/s/t/c/root"].Status; s.ContainerID != "s_t_c_root" || s.Cgroup != "/kukeon/r/s/t/c/root_root" {
		t.Errorf("not renamed: %+v", s)
	}
	if again, _ := Rebuild(st, evidence(), nil); len(again) != 0 {
		t.Errorf("recorded again: %+v", again)
	}
	// What is recorded stays as it is, and what is missing below it is added.
	delete(st.Records, "r/s/t/c/side")
	if part, _ := Rebuild(st, evidence(), nil); len(part) != 1 || part[0].Path != "r/s/t/c/side" || part[0].Status.Namespace != "kukeon-r" {
		t.Errorf("a part: %+v", part)
	}
	e := evidence()
	e.Containers[1].Namespace, e.Containers[0].Spec = "n", nil
	records, notes = Rebuild(&state.State{}, e, nil)
	if len(records) != 6 || len(notes) != 3 {
		t.Errorf("%d records, notes %q", len(records), notes)
	}
}

func TestCheckImport(t *testing.T) {
	records, _ := Rebuild(&state.State{}, evidence(), nil)
	st := &state.State{Records: map[resource.Path]*state.Record{}}
	for _, r := range records {
		st.Records[r.Path] = r
	}
	for _, c := range []struct {
		p             resource.Path
		namespace, id string
		want          string
	}{
		{"r/s/t/c/x", "", "x", ""},
		{"r/s/t/c/x", "kukeon-r", "x", ""},
		{"r/s/t/c/side", "", "x", "is recorded already"},
		{"r/s/t/c", "", "x", "only a container"},
		{"r/s/t/none/x", "", "x", "there is no cell r/s/t/none"},
		{"r/s/t/empty/x", "", "x", "has no root container"},
		{"r/s/t/c/x", "n", "x", "is that of realm q"},
		{"r/s/t/c/x", "moby", "x", `namespace = "moby"`},
		{"r/s/t/c/x", "", "s_t_c_old", "is managed already, as r/s/t/c/side"},
	} {
		err := CheckImport(st, c.p, c.namespace, c.id)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for labelled, want := range map[string]string{"": "", "r/s/t/c/x": "", "r/s/t/c/y": "", "r/s/t/c/z": "was made by kuke as r/s/t/c/z"} {
		err := CheckImportLabels("s_t_c_z", map[string]string{plan.LabelPath: labelled})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("label %q: %v", labelled, err)
		}
	}
	renamed := map[string]string{plan.LabelPath: "r/s/t/c/y", plan.LabelID: "s_t_c_z"}
	if err := CheckImportLabels("s_t_c_z", renamed); err == nil {
		t.Error("one that was renamed is imported")
	}
	if err := CheckImportLabels("copy", renamed); err != nil {
		t.Errorf("labels that were copied: %v", err)
	}
}

// An imported container keeps its id and its place until it is replaced; a plan can't be made to claim another.
func TestImportedIsKept(t *testing.T) {
	spec := &resource.Container{Image: "docker.io/library/i:latest"}
	r := Imported(&state.State{}, "r/s/t/c/x", "foreign", "p", spec, "", time.Time{})
	if r.Status.Namespace != "kukeon-r" || r.Status.ContainerID != "foreign" || !r.Status.Imported {
		t.Errorf("%+v", r.Status)
	}
	now := time.Unix(1, 0)
	r.Status.CreatedAt = &now
	if err := (&plan.Change{Path: r.Path, Action: plan.Forget, Before: r}).Validate(); err != nil {
		t.Error(err)
	}
	after := *r
	c := &plan.Change{Path: r.Path, Action: plan.Start, Before: r, After: &after}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	after.Status.ContainerID = "s_t_c_root"
	if err := c.Validate(); err == nil {
		t.Error("a plan lays claim to another container")
	}
}

// A container that is renamed in the state stays what it is, and keeps its id from others.
func TestRenamedKeepsItsID(t *testing.T) {
	spec := &resource.Container{Image: "docker.io/library/i:latest"}
	now := time.Unix(1, 0)
	renamed := &state.Record{Path: "r/s/t/c/b", Spec: spec, Status: state.Status{
		Namespace: "kukeon-r", ContainerID: "s_t_c_a", Cgroup: "/kukeon/r/s/t/c/a_a", CreatedAt: &now, FormerName: "a",
	}}
	prior := &state.State{Records: map[resource.Path]*state.Record{renamed.Path: renamed}}
	var diags resource.Diagnostics
	in := newInput(resource.NewTree(), prior, &plan.Actual{}, Options{}, nil)
	so := newDraft(in, &scope{})
	so.order = []resource.Path{"r/s/t/c/a", renamed.Path}
	d := &decider{in: in, draft: so, diags: &diags}
	after := d.recordOf(&resource.Resource{Path: renamed.Path, Spec: spec})
	if after.Status.ContainerID != "s_t_c_a" || after.Status.Cgroup != "/kukeon/r/s/t/c/a_a" {
		t.Errorf("%+v", after.Status)
	}
	c := &plan.Change{Path: renamed.Path, Action: plan.Start, Before: renamed, After: after}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	after.Status.Cgroup = "/kukeon/r"
	if err := c.Validate(); err == nil {
		t.Error("a plan lays claim to another cgroup")
	}
	fresh := &resource.Resource{Path: "r/s/t/c/a", Spec: spec}
	so.changes[fresh.Path] = &plan.Change{Path: fresh.Path, Action: plan.Create, Diffs: plan.Compare(nil, spec), After: d.recordOf(fresh)}
	(&review{in: in, draft: so, diags: &diags}).warnRenamed()
	// A new one at its former path gets another id.
	if got := so.changes[fresh.Path].After.Status; got.ContainerID != "s_t_c_a.2" || got.Cgroup != "/kukeon/r/s/t/c/a_a.2" {
		t.Errorf("%+v", got)
	}
	if err := so.changes[fresh.Path].Validate(); err != nil {
		t.Error(err)
	}
	if diags.HasErrors() || !strings.Contains(diags.Error(), "r/s/t/c/a was renamed to r/s/t/c/b") {
		t.Errorf("diagnostics %v", diags)
	}
}
