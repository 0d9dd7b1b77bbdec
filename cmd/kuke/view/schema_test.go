package view

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/kukeon/kuke/cmd/kuke/help"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/jsonplan"
	"github.com/kukeon/kuke/planner/state"
)

// documents are those that the topic json describes, by their section.
var documents = []struct {
	section string
	of      reflect.Type
}{
	{"A plan", reflect.TypeFor[jsonplan.Plan]()},
	{"A state", reflect.TypeFor[jsonplan.State]()},
	{"Outputs", reflect.TypeFor[map[string]jsonplan.Output]()},
	{"A validation", reflect.TypeFor[validation]()},
	{"A version", reflect.TypeFor[jsonplan.Version]()},
}

// fieldWalk collects the fields of the types of a document. Each type is described once, where it is met first.
type fieldWalk struct {
	seen map[reflect.Type]bool
	// fields holds the names of fields as the topic has them: an object's path, and the name.
	fields [][2]string
}

func (w *fieldWalk) walk(path string, t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer:
		w.walk(path, t.Elem())
		return
	case reflect.Slice:
		w.walk(path+"[]", t.Elem())
		return
	case reflect.Map:
		w.walk(strings.TrimPrefix(path+".NAME", "."), t.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			w.seen[f.Type] = false
			w.walk(path, f.Type)
			continue
		}
		if name != "" && name != "-" {
			w.fields = append(w.fields, [2]string{path, name})
		}
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			w.walk(strings.TrimPrefix(path+"."+name, "."), f.Type)
		}
	}
}

// computedAttributes returns the names of the attributes of resources that no configuration sets, or that the topic describes
// as computed.
func computedAttributes() []string {
	st := &state.State{Records: map[resource.Path]*state.Record{}}
	for _, p := range []resource.Path{"r", "r/s", "r/s/t", "r/s/t/c", "r/s/t/c/d"} {
		st.Records[p] = &state.Record{Path: p, Spec: resource.NewSpec(p.Kind())}
	}
	var names []string
	for _, r := range jsonplan.OfState(st, "", "").Values.RootModule.Resources {
		kind := resource.Path(r.Address).Kind()
		for name := range r.Values {
			set := slices.ContainsFunc(kind.Attributes(), func(a *resource.Attribute) bool { return a.HCLName == name })
			if allocated := kind == resource.KindCell && name == "address"; (!set || allocated) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// TestSchema makes sure that the topic json has a line for each field of each document, and none for others.
func TestSchema(t *testing.T) {
	topic, ok := help.Find("json")
	if !ok {
		t.Fatal("there is no topic json")
	}
	described := map[string]bool{}
	section, object := "", ""
	for line := range strings.Lines(topic.Markdown()) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section, object = strings.TrimSpace(title), ""
		}
		if title, ok := strings.CutPrefix(line, "### "); ok {
			object = strings.Trim(strings.TrimSpace(title), "`")
		}
		if section == "Messages" {
			continue // its table has the types of messages
		}
		if row := regexp.MustCompile("^\\| `([a-z0-9_]+)` \\|").FindStringSubmatch(line); row != nil {
			name := fmt.Sprintf("%s: %s %s", section, object, row[1])
			if described[name] {
				t.Errorf("described twice: %s", name)
			}
			described[name] = true
		}
	}
	walk := &fieldWalk{seen: map[reflect.Type]bool{}}
	for _, doc := range documents {
		walk.fields = nil
		walk.walk("", doc.of)
		for _, f := range walk.fields {
			name := fmt.Sprintf("%s: %s %s", doc.section, f[0], f[1])
			if !described[name] {
				t.Errorf("not described: %s", name)
			}
			delete(described, name)
		}
	}
	for _, name := range computedAttributes() {
		if name = "Attributes:  " + name; !described[name] {
			t.Errorf("not described: %s", name)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("described, but no field: %s", name)
	}
	for _, version := range []string{jsonplan.PlanFormat, jsonplan.StateFormat, jsonplan.TerraformVersion} {
		if !strings.Contains(topic.Markdown(), "`"+version+"`") {
			t.Errorf("the topic does not name the version %s", version)
		}
	}
}

// Terraform's library reads the output of validate and version.
func TestTerraformReadsOutput(t *testing.T) {
	var ds resource.Diagnostics
	at := resource.Range{File: "main.hcl", Start: resource.Pos{Line: 1, Column: 1}, End: resource.Pos{Line: 1, Column: 6}}
	ds.Errorf(at, "main", "Wrong", "It is wrong.")
	ds.Warnf(resource.Range{}, "", "Odd", "It is odd.")
	var validated tfjson.ValidateOutput
	parse := func(doc any, print func(v *View) error) {
		t.Helper()
		var b strings.Builder
		if err := print(newView(&b, false)); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(b.String()), doc); err != nil {
			t.Fatal(err)
		}
	}
	parse(&validated, func(v *View) error { return v.ValidationJSON(ds, map[string][]byte{"main.hcl": []byte("realm x\n")}) })
	if err := validated.Validate(); err != nil {
		t.Fatal(err)
	}
	if validated.Valid || validated.ErrorCount != 1 || validated.WarningCount != 1 || validated.Diagnostics[0].Snippet.Code != "realm x" {
		t.Errorf("%+v", validated)
	}
	var version tfjson.VersionOutput
	parse(&version, func(v *View) error { return v.JSON(jsonplan.OfVersion("1.2.3", "linux_amd64")) })
	if version.Version != jsonplan.TerraformVersion || version.Platform != "linux_amd64" || version.ProviderSelections == nil || version.Outdated {
		t.Errorf("%+v", version)
	}
}
