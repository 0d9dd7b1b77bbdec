package state

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/realm"
)

func TestRename(t *testing.T) {
	st := example()
	st.Records["r/s/t/c/y"] = &Record{Path: "r/s/t/c/y", Spec: &realm.Container{Image: "i:1"}, Status: Status{ContainerID: "s_t_c_y", Cgroup: "/y"}}
	before := st.Fingerprint()
	changed, err := st.Rename("r/s/t/c/y", "r/s/t/c/z")
	if err != nil || len(changed) != 2 {
		t.Fatal(changed, err)
	}
	if r := changed[0]; r.Path != "r/s/t/c/z" || r.Status.ContainerID != "s_t_c_y" || r.Status.Cgroup != "/y" {
		t.Errorf("%+v", r)
	}
	if on := changed[1].Spec.(*realm.Container).DependsOn; changed[1].Path != "r/s/t/c/x" || on[0].Name != "z" {
		t.Errorf("%+v", changed[1])
	}
	if st.Fingerprint() != before {
		t.Error("what was read has changed")
	}
	// Cut short, it has left both.
	st.Records["r/s/t/c/z"] = changed[0]
	if _, err := st.Rename("r/s/t/c/y", "r/s/t/c/z"); err != nil {
		t.Error(err)
	}
	for _, c := range [][3]string{
		{"r/s/t/c/none", "r/s/t/c/z", "there is no container"},
		{"r/s/t/c/y", "r/s/t/c/x", "is recorded already"},
		{"r/s/t/c/y", "r/s/t/c/y", "is its name already"},
		{"r/s/t/c/y", "r/s/t/d/y", "can't be moved to cell r/s/t/d"},
		{"r/s/t/c/y", "r/s/t/y", "would be a cell"},
		{"r/s/t/c", "r/s/t/d", "a cell can't be renamed"},
		{"r/s/t", "r/s/u", "a stack can't be renamed"},
		{"r/s", "r/u", "a space can't be renamed"},
		{"r", "u", "a realm can't be renamed"},
	} {
		if _, err := st.Rename(realm.Path(c[0]), realm.Path(c[1])); err == nil || !strings.Contains(err.Error(), c[2]) {
			t.Errorf("%s to %s: %v", c[0], c[1], err)
		}
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
		t.Error("what isn't there is taken")
	}
}
