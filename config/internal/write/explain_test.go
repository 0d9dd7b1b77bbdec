package write

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

// Every field is explained, and completed, in both of its spellings.
func TestExplain(t *testing.T) {
	for _, k := range resource.Kinds {
		e, err := Explain(k.Lower())
		if err != nil || e.Kind != k || len(e.Chain) > 0 || k.Doc() == "" {
			t.Errorf("%s: %+v, %v", k, e, err)
		}
		explainAll(t, k, k.Lower(), k.Lower(), k.Attributes())
	}
	for path, want := range map[string]string{
		"Containers": "container", "cell.containers.image": "container.image", "realm.space.stack.cell.container": "container",
		"container.secret.from_env": "container.secrets.fromEnv", "cell.parent": "cell.parent", "cell.root_container_id": "cell.rootContainerId",
	} {
		if e, err := Explain(path); err != nil || e.Path != want {
			t.Errorf("%s: %+v, %v", path, e, err)
		}
	}
}

func explainAll(t *testing.T, k resource.Kind, yaml, hcl string, attrs []*resource.Attribute) {
	t.Helper()
	for _, a := range attrs {
		yaml, hcl := yaml+"."+a.Name, hcl+"."+a.HCLName
		for _, path := range []string{yaml, hcl} {
			e, err := Explain(path)
			if err != nil || e.Kind != k || e.Path != yaml || e.Chain[len(e.Chain)-1] != a {
				t.Errorf("%s: %+v, %v", path, e, err)
			}
			found := false
			for _, c := range Completions(path[:len(path)-1]) {
				found = found || c[0] == path && c[1] == a.Doc
			}
			if !found {
				t.Errorf("%s is not completed", path)
			}
		}
		explainAll(t, k, yaml, hcl, a.Fields)
	}
}

func TestExplainWrongNames(t *testing.T) {
	for path, want := range map[string]string{
		"":                        `there is no kind ""`,
		"pod":                     "the kinds are realm, space",
		"containr":                `Did you mean "container"?`,
		"image":                   "Did you mean container.image?",
		"labels":                  "Did you mean realm.labels or space.labels",
		"container.imag":          `container has no field "imag". Did you mean "image"?`,
		"container.cpu":           "Did you mean resources.cpus?",
		"container.xyzzy":         "kuke explain container",
		"container.image.x":       "container.image has no fields",
		"container.volumes.xyzzy": "Its fields are listed by kuke explain container.volumes.",
		"container.":              `container has no field ""`,
		"container..image":        `container has no field ""`,
	} {
		if e, err := Explain(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v", path, e, err)
		}
	}
	if c := Completions("container.nope."); c != nil {
		t.Errorf("completed to %v", c)
	}
}
