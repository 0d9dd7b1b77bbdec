package resource

import (
	"encoding/json"
	"reflect"
	"testing"
)

// What is the default is left out, so that a record of an earlier release, a list of names, stays as it is.
func TestDependencyJSON(t *testing.T) {
	const text = `{"dependsOn":["a",{"name":"b","condition":"healthy"},"c"]}`
	var container Container
	var cell Cell
	for _, s := range []Spec{&container, &cell} {
		if err := json.Unmarshal([]byte(text), s); err != nil {
			t.Fatal(err)
		}
		if data, err := json.Marshal(s); err != nil || string(data) != text {
			t.Errorf("%s became %s, %v", text, data, err)
		}
	}
	if want := []Dependency{{Name: "a"}, {Name: "b", Condition: Healthy}, {Name: "c"}}; !reflect.DeepEqual(container.DependsOn, want) {
		t.Errorf("a container's are %v, want %v", container.DependsOn, want)
	}
	if want := []CellDependency{{Name: "a"}, {Name: "b", Condition: Healthy}, {Name: "c"}}; !reflect.DeepEqual(cell.DependsOn, want) {
		t.Errorf("a cell's are %v, want %v", cell.DependsOn, want)
	}
	var d Dependency
	if err := json.Unmarshal([]byte(`{"name":"a"}`), &d); err != nil || d != (Dependency{Name: "a"}) {
		t.Errorf("the long form without a condition is %v, %v", d, err)
	}
	for _, bad := range []string{`1`, `["a"]`, `{"name":1}`} {
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
