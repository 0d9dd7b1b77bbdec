package state

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func example() *State {
	at := func(p resource.Path, spec resource.Spec) *Record {
		r := &Record{Path: p, Spec: spec, Status: Status{Project: "p", Namespace: "kukeon-r", Cgroup: resource.CgroupOf(p, spec)}}
		if p.Kind() == resource.KindContainer {
			r.Status.ContainerID = resource.ContainerID(p)
		}
		return r
	}
	st := &State{Lineage: "l", Serial: 3, Records: map[resource.Path]*Record{}}
	for _, r := range []*Record{
		at("r", &resource.Realm{}), at("r/s", &resource.Space{Network: &resource.Network{Subnet: "10.1.0.0/24"}}), at("r/s/t", &resource.Stack{}),
		at("r/s/t/c", &resource.Cell{DependsOn: []resource.CellDependency{{Name: "r/s/t/d", Condition: resource.Healthy}}}),
		at("r/s/t/c/x", &resource.Container{Root: true, Image: "i:1", Env: resource.Env{"A": "1"}, DependsOn: []resource.Dependency{{Name: "y"}}}),
	} {
		st.Records[r.Path] = r
	}
	return st
}

func TestExportIsParsed(t *testing.T) {
	st := example()
	data, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if got.Fingerprint() != st.Fingerprint() || got.Lineage != st.Lineage || got.Serial != st.Serial || !reflect.DeepEqual(got.Records, st.Records) {
		t.Errorf("got %s", data)
	}
}

func TestParseRefuses(t *testing.T) {
	whole, err := json.Marshal(example())
	if err != nil {
		t.Fatal(err)
	}
	for old, fresh := range map[string]string{
		`"format_version":1`: `"format_version":2`, `"lineage":"l"`: `"lineage":""`, `"path":"r/s/t"`: `"path":"r/s/u"`,
		`"path":"r/s/t/c/x"`: `"path":"r/s/t/c"`, `"serial"`: `"cereal"`, `{"path":"r",`: `{"path":"../r",`, `"image":"i:1"`: `"image":7`,
		`"namespace":"kukeon-r",`: ``, `,"cgroup":"/kukeon/r/s"}`: `}`, `"cgroup":"/kukeon/r/s/t"}`: `"cgroup":"/"}`, `"containerId":"s_t_c_x"`: `"containerId":""`,
	} {
		broken := strings.Replace(string(whole), old, fresh, 1)
		if broken == string(whole) {
			t.Fatalf("there is no %s in %s", old, whole)
		}
		if _, err := Parse([]byte(broken)); err == nil {
			t.Errorf("%s is taken", fresh)
		}
	}
}

// Replace replaces all records of the tree, and can be repeated to complete an interrupted one.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	store := NewStore(dir)
	if _, err := store.Read(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []resource.Path{"old", "r"} {
		if err := store.Put(&Record{Path: p, Spec: &resource.Realm{Namespace: "n"}}); err != nil {
			t.Fatal(err)
		}
	}
	want := example()
	for range 2 {
		if err := store.Replace(want); err != nil {
			t.Fatal(err)
		}
		if err := store.Commit(); err != nil {
			t.Fatal(err)
		}
		_, got, warnings := open(t, dir)
		if len(warnings) > 0 {
			t.Fatal(warnings)
		}
		if got.Fingerprint() != want.Fingerprint() || got.Lineage != "l" || got.Serial < want.Serial {
			t.Errorf("lineage %s, serial %d, %v", got.Lineage, got.Serial, got.Paths())
		}
	}
}
