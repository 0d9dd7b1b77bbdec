package jsonplan_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/jsonplan"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

type specs map[resource.Path]resource.Spec

const (
	cell = resource.Path("main/default/blog/web")
	root = cell + "/root"
	app  = cell + "/app"
)

// base is a cell of two containers, of which one has a sensitive variable and a secret.
func base() specs {
	key := resource.SealKey(strings.Repeat("k", resource.SealKeySize))
	return specs{
		"main": &resource.Realm{}, "main/default": &resource.Space{}, "main/default/blog": &resource.Stack{}, cell: &resource.Cell{},
		root: &resource.Container{Root: true, Image: "docker.io/library/busybox:1", Ports: []string{"8080:80"}},
		app: &resource.Container{
			Image: "docker.io/library/busybox:1", Env: resource.Env{"PASSWORD": key.Seal("hunter2"), "MODE": "quick"}, Args: []string{"-p", key.Seal("hunter3")},
			Secrets: []resource.Secret{{Name: "db", FromEnv: "DB", Digest: key.Seal("hunter4")}},
			Common:  resource.Common{Resources: &resource.Resources{Memory: 64 << 20, CPUs: 0.5}},
		},
	}
}

func container(all specs, p resource.Path) *resource.Container { return all[p].(*resource.Container) }

// host is a state, and a host that is as the state says.
type host struct {
	*testing.T
	prior *state.State
	// meddle changes the host after it was looked at.
	meddle func(*plan.Actual)
}

func (h *host) actual() *plan.Actual {
	actual := &plan.Actual{
		CgroupMode: "v2", Controllers: map[string]bool{"memory": true, "cpu": true, "pids": true, "swap": true, "io": true},
		Images: map[plan.ImageKey]plan.ImageStatus{},
	}
	for _, n := range []string{"1", "2"} {
		actual.Images[plan.ImageKey{Namespace: "kukeon-main", Reference: "docker.io/library/busybox:" + n}] = plan.ImageStatus{Remote: "sha256:" + strings.Repeat(n, 64)}
	}
	plan.Assume(h.prior, actual)
	if h.meddle != nil {
		h.meddle(actual)
	}
	return actual
}

func (h *host) plan(all specs, opts planner.Options) *plan.Plan {
	h.Helper()
	var desired *resource.Tree
	if all != nil {
		desired = resource.NewTree()
		for p, s := range all {
			desired.Add(&resource.Resource{Path: p, Spec: s, HCL: true})
		}
	}
	opts.Project = "shop"
	p, diags := planner.New(desired, h.prior, h.actual(), opts)
	if diags.HasErrors() {
		h.Fatal(diags)
	}
	return p
}

// made returns a host on which base was applied, with outputs.
func made(t *testing.T) *host {
	t.Helper()
	h := &host{T: t, prior: &state.State{Lineage: "lineage", Serial: 7, Records: map[resource.Path]*state.Record{}}}
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range h.plan(base(), planner.Options{}).Changes {
		r := *c.After
		r.Status.CreatedAt = &at
		if limits := *resource.ResourcesOf(r.Spec); limits != (resource.Resources{}) {
			r.Status.Limits = &limits
		}
		h.prior.Records[c.Path] = &r
	}
	h.prior.Outputs = state.Outputs{"shop": outputs("1")}
	return h
}

func outputs(n string) map[string]*state.Output {
	return map[string]*state.Output{
		"kept": {Type: json.RawMessage(`"string"`), Value: json.RawMessage(`"same"`)}, "secret": {Sensitive: true},
		"list": {Type: json.RawMessage(`["list","number"]`), Value: json.RawMessage(`[` + n + `]`)},
	}
}

// shapes are plans of every kind, by name.
func shapes(t *testing.T) map[string]*plan.Plan {
	t.Helper()
	h := made(t)
	all := func(edit func(specs)) specs {
		s := base()
		edit(s)
		return s
	}
	fresh := &host{T: t, prior: &state.State{Records: map[resource.Path]*state.Record{}}}
	plans := map[string]*plan.Plan{
		"create": fresh.plan(base(), planner.Options{Outputs: outputs("1")}),
		"no-op":  h.plan(base(), planner.Options{Outputs: outputs("1")}),
		"update": h.plan(all(func(s specs) {
			container(s, app).Resources = &resource.Resources{Memory: 128 << 20}
			container(s, app).Labels = map[string]string{"a.b": "c"}
		}), planner.Options{Outputs: outputs("2")}),
		"replace": h.plan(all(func(s specs) {
			container(s, app).Env = resource.Env{"PASSWORD": resource.SealKey("other").Seal("hunter5"), "MODE": "slow"}
			container(s, app).Volumes = []resource.VolumeMount{{Source: "/srv", Target: "/data"}}
			container(s, app).Devices = []string{"/dev/null", "/dev/zero"}
		}), planner.Options{Replace: []resource.Path{root}}),
		"delete":  h.plan(all(func(s specs) { delete(s, app) }), planner.Options{}),
		"destroy": h.plan(nil, planner.Options{Destroy: true}),
		"target":  h.plan(all(func(s specs) { container(s, app).Image = "docker.io/library/busybox:2" }), planner.Options{Targets: []resource.Path{app}}),
		"move": h.plan(all(func(s specs) {
			s[cell+"/renamed"] = s[app]
			delete(s, app)
		}), planner.Options{Moves: []plan.Move{{From: app, To: cell + "/renamed"}}}),
	}
	imported := planner.Imported(h.prior, cell+"/stray", "stray-id", "shop", &resource.Container{Image: "docker.io/library/busybox:1"}, "sha256:"+strings.Repeat("1", 64), time.Unix(0, 0))
	h.meddle = func(actual *plan.Actual) {
		actual.Namespaces["kukeon-main"].Containers["stray-id"] = &plan.Container{ID: "stray-id", Status: plan.TaskRunning, Labels: map[string]string{}}
	}
	plans["import"] = h.plan(all(func(s specs) { s[cell+"/stray"] = &resource.Container{Image: "docker.io/library/busybox:1"} }), planner.Options{Imports: []plan.Import{{Record: imported}}})
	h.meddle = drift
	plans["drift"] = h.plan(base(), planner.Options{})
	plans["refresh-only"] = planner.RefreshOnly(h.prior, h.actual())
	plans["refresh-only"].Project = "shop"
	return plans
}

// drift removes a container, changes limits and freezes a cell, all outside of kuke.
func drift(actual *plan.Actual) {
	delete(actual.Namespaces["kukeon-main"].Containers, resource.ContainerID(app))
	actual.Cgroups["/kukeon/main/default"] = resource.Resources{PIDs: 77}
	actual.Frozen = map[string]bool{"/kukeon/main/default/blog/web": true}
}

func encode(t *testing.T, doc any) []byte {
	t.Helper()
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// parsed returns the document of a plan as Terraform's own library reads it.
func parsed(t *testing.T, p *plan.Plan) *tfjson.Plan {
	t.Helper()
	var doc tfjson.Plan
	if err := json.Unmarshal(encode(t, jsonplan.Of(p, "1.2.3")), &doc); err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := doc.PriorState.Validate(); err != nil {
		t.Fatal(err)
	}
	return &doc
}

// The same plan, saved and read again, is the same document, without null arrays and sensitive values.
func TestDocument(t *testing.T) {
	for name, p := range shapes(t) {
		t.Run(name, func(t *testing.T) {
			parsed(t, p)
			first := encode(t, jsonplan.Of(p, "1.2.3"))
			file, err := plan.Encode(p)
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := plan.Decode(file)
			if err != nil {
				t.Fatal(err)
			}
			if again := encode(t, jsonplan.Of(loaded, "1.2.3")); !bytes.Equal(first, again) {
				t.Errorf("the saved plan is another document:\n%s\n%s", first, again)
			}
			for _, secret := range []string{"hunter", "sealed:"} {
				if bytes.Contains(first, []byte(secret)) {
					t.Errorf("%q is in %s", secret, first)
				}
			}
			checkLists(t, "", reflect.ValueOf(jsonplan.Of(p, "1.2.3")))
		})
	}
}

// checkLists makes sure that no list is null as JSON, save those that are left out then.
func checkLists(t *testing.T, at string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			checkLists(t, at, v.Elem())
		}
	case reflect.Slice:
		if v.IsNil() {
			t.Errorf("%s is null", at)
		}
		for i := range v.Len() {
			checkLists(t, at+"[]", v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			t.Errorf("%s is null", at)
		}
		for it := v.MapRange(); it.Next(); {
			checkLists(t, at+"."+it.Key().String(), it.Value())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name, rest, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
			if rest != "omitempty" || !v.Field(i).IsZero() {
				checkLists(t, at+"."+name, v.Field(i))
			}
		}
	}
}

// actions returns the actions of the changes by address.
func actions(changes []*tfjson.ResourceChange) map[string]string {
	all := map[string]string{}
	for _, c := range changes {
		var words []string
		for _, a := range c.Change.Actions {
			words = append(words, string(a))
		}
		all[c.Address] = strings.Join(words, ",")
	}
	return all
}

func TestActions(t *testing.T) {
	all := func(edit map[string]string) map[string]string {
		want := map[string]string{}
		for _, p := range []resource.Path{"main", "main/default", "main/default/blog", cell, root, app} {
			want[string(p)] = "no-op"
		}
		maps.Copy(want, edit)
		maps.DeleteFunc(want, func(_, action string) bool { return action == "" })
		return want
	}
	each := func(action string) map[string]string {
		want := all(nil)
		for p := range want {
			want[p] = action
		}
		return want
	}
	want := map[string]map[string]string{
		"create": each("create"), "no-op": each("no-op"), "destroy": each("delete"),
		"update":       all(map[string]string{string(app): "update"}),
		"replace":      all(map[string]string{string(root): "delete,create", string(app): "delete,create"}),
		"delete":       all(map[string]string{string(app): "delete"}),
		"target":       all(map[string]string{string(app): "delete,create"}),
		"move":         all(map[string]string{string(app): "", string(cell + "/renamed"): "no-op"}),
		"import":       all(map[string]string{string(cell + "/stray"): "no-op"}),
		"drift":        all(map[string]string{string(app): "create", "main/default": "update", string(cell): "update"}),
		"refresh-only": all(map[string]string{string(app): "forget"}),
	}
	plans := shapes(t)
	for name, p := range plans {
		if got := actions(parsed(t, p).ResourceChanges); !maps.Equal(got, want[name]) {
			t.Errorf("%s: %v, want %v", name, got, want[name])
		}
	}
	if len(want) != len(plans) {
		t.Errorf("%d plans, %d expectations", len(plans), len(want))
	}
}

func changeOf(t *testing.T, changes []*tfjson.ResourceChange, p resource.Path) *tfjson.ResourceChange {
	t.Helper()
	i := slices.IndexFunc(changes, func(c *tfjson.ResourceChange) bool { return c.Address == string(p) })
	if i < 0 {
		t.Fatalf("there is no change of %s", p)
	}
	return changes[i]
}

func values(t *testing.T, v any) map[string]any {
	t.Helper()
	m, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("%v is no object", v)
	}
	return m
}

// The attributes have the names of HCL and the types of JSON; computed ones are among them, and sensitive ones withheld.
func TestAttributes(t *testing.T) {
	c := changeOf(t, parsed(t, shapes(t)["create"]).ResourceChanges, app)
	if c.Type != "kuke_container" || c.Name != "app" || c.Mode != tfjson.ManagedResourceMode || c.ProviderName != jsonplan.Provider || c.Change.Before != nil {
		t.Errorf("%+v", c)
	}
	after := values(t, c.Change.After)
	for name, want := range map[string]any{
		"image": "docker.io/library/busybox:1", "privileged": false, "root": false, "user": nil, "ports": []any{}, "labels": map[string]any{},
		"image_digest": "sha256:" + strings.Repeat("1", 64), "id": "default_blog_web_app", "path": string(app), "name": "app", "project": "shop",
		"env": map[string]any{"MODE": "quick", "PASSWORD": "(sensitive value)"}, "args": []any{"(sensitive value)"},
		"secret":    []any{map[string]any{"name": "db", "from_env": "DB", "from_file": nil, "mount_path": nil, "mode": nil, "uid": nil, "gid": nil, "digest": "(sensitive value)"}},
		"resources": map[string]any{"memory": float64(64 << 20), "memory_swap": nil, "memory_reservation": nil, "cpus": 0.5, "cpu_weight": nil, "cpuset": nil, "cpuset_mems": nil, "pids": nil, "io_weight": nil},
		"run_state": "running", "volume": []any{}, "healthcheck": nil,
	} {
		if got, ok := after[name]; !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v, want %#v", name, got, want)
		}
	}
	want := map[string]any{"env": map[string]any{"PASSWORD": true}, "args": true, "secret": []any{map[string]any{"digest": true}}}
	if !reflect.DeepEqual(c.Change.AfterSensitive, want) || c.Change.BeforeSensitive != false {
		t.Errorf("sensitive: %v, %v", c.Change.BeforeSensitive, c.Change.AfterSensitive)
	}
	made := parsed(t, shapes(t)["create"]).ResourceChanges
	web, space := values(t, changeOf(t, made, cell).Change.After), values(t, changeOf(t, made, "main/default").Change.After)
	if web["address"] != "10.88.0.2" || !reflect.DeepEqual(web["published_ports"], []any{"8080:80"}) || space["subnet"] != "10.88.0.0/24" || space["gateway"] != "10.88.0.1" {
		t.Errorf("cell %v, space %v", web, space)
	}
}

func TestReplacement(t *testing.T) {
	p := shapes(t)["replace"]
	doc := parsed(t, p)
	c := changeOf(t, doc.ResourceChanges, app)
	want := []any{[]any{"env", "PASSWORD"}, []any{"env", "MODE"}, []any{"volume", 0.0}, []any{"volume", 0.0, "source"}, []any{"devices"}}
	sort := func(list []any) []string {
		var texts []string
		for _, path := range list {
			texts = append(texts, string(encode(t, path)))
		}
		slices.Sort(texts)
		return texts
	}
	if got := sort(c.Change.ReplacePaths); !slices.Equal(got, sort(want)) {
		t.Errorf("replace_paths %v, want %v", got, sort(want))
	}
	reasons := map[string]string{}
	for name, p := range shapes(t) {
		for _, c := range jsonplan.Of(p, "").ResourceChanges {
			if c.ActionReason != "" {
				reasons[name+" "+c.Address] = c.ActionReason
			}
		}
	}
	if !maps.Equal(reasons, map[string]string{
		"replace " + string(root): "replace_by_request", "replace " + string(app): "replace_because_cannot_update",
		"delete " + string(app): "delete_because_no_resource_config", "target " + string(app): "replace_because_cannot_update",
	}) {
		t.Errorf("reasons: %v", reasons)
	}
}

func TestMoveAndImport(t *testing.T) {
	plans := shapes(t)
	if c := changeOf(t, parsed(t, plans["move"]).ResourceChanges, cell+"/renamed"); c.PreviousAddress != string(app) {
		t.Errorf("moved from %q", c.PreviousAddress)
	}
	if c := changeOf(t, parsed(t, plans["import"]).ResourceChanges, cell+"/stray"); c.Change.Importing == nil || c.Change.Importing.ID != "stray-id" || c.Change.Before == nil {
		t.Errorf("imported: %+v", c.Change)
	}
}

func TestDrift(t *testing.T) {
	plans := shapes(t)
	for _, name := range []string{"drift", "refresh-only"} {
		doc := parsed(t, plans[name])
		want := map[string]string{string(app): "delete", "main/default": "update"}
		if name == "drift" {
			want[string(cell)] = "update" // no record can hold that it is frozen
		}
		if got := actions(doc.ResourceDrift); !maps.Equal(got, want) {
			t.Errorf("%s: drift %v", name, got)
		}
		if c := changeOf(t, doc.ResourceDrift, app).Change; c.Before == nil || c.After != nil {
			t.Errorf("%s: a container that is gone: %+v", name, c)
		}
		limits := values(t, values(t, changeOf(t, doc.ResourceDrift, "main/default").Change.After)["resources"])
		if limits["pids"] != 77.0 {
			t.Errorf("%s: limits %v", name, limits)
		}
	}
	for name, p := range plans {
		if doc := parsed(t, p); name != "drift" && name != "refresh-only" && len(doc.ResourceDrift) > 0 {
			t.Errorf("%s: drift %v", name, actions(doc.ResourceDrift))
		}
	}
}

func TestOutputs(t *testing.T) {
	plans := shapes(t)
	got := map[string]string{}
	for name, c := range parsed(t, plans["update"]).OutputChanges {
		got[name] = string(encode(t, c))
	}
	want := map[string]string{
		"kept":   `{"actions":["no-op"],"before":"same","after":"same","after_unknown":false,"before_sensitive":false,"after_sensitive":false}`,
		"secret": `{"actions":["no-op"],"before":null,"after_unknown":false,"before_sensitive":true,"after_sensitive":true}`,
		"list":   `{"actions":["update"],"before":[1],"after":[2],"after_unknown":false,"before_sensitive":false,"after_sensitive":false}`,
	}
	if !maps.Equal(got, want) {
		t.Errorf("outputs %v", got)
	}
	for name, action := range map[string]tfjson.Action{"create": tfjson.ActionCreate, "destroy": tfjson.ActionDelete, "target": tfjson.ActionNoop} {
		changes := parsed(t, plans[name]).OutputChanges
		if len(changes) != 3 || changes["list"].Actions[0] != action {
			t.Errorf("%s: %v", name, changes)
		}
	}
	doc := parsed(t, plans["update"])
	if before, after := doc.PriorState.Values.Outputs, doc.PlannedValues.Outputs; !before["secret"].Sensitive || before["secret"].Value != nil || !reflect.DeepEqual(after["list"].Value, []any{2.0}) {
		t.Errorf("values: %v, %v", before, after)
	}
}

// Of a plan with targets, the states before and after also hold the resources that it leaves alone.
func TestTarget(t *testing.T) {
	doc := jsonplan.Of(shapes(t)["target"], "")
	if doc.Complete || len(doc.PriorState.Values.RootModule.Resources) != 6 || len(doc.PlannedValues.RootModule.Resources) != 6 {
		t.Errorf("complete %v, %d before, %d after", doc.Complete, len(doc.PriorState.Values.RootModule.Resources), len(doc.PlannedValues.RootModule.Resources))
	}
	h := made(t)
	h.prior.Records["other"] = &state.Record{Path: "other", Spec: &resource.Realm{}, Status: state.Status{Project: "elsewhere", Namespace: "kukeon-other", Cgroup: "/kukeon/other"}}
	p := h.plan(base(), planner.Options{})
	for _, c := range jsonplan.Of(p, "").PriorState.Values.RootModule.Resources {
		if c.Address == "other" {
			t.Error("a resource of another project is in the plan")
		}
	}
	all := base()
	all["main/default/more"] = &resource.Stack{}
	p = h.plan(all, planner.Options{Targets: []resource.Path{"main/default/more"}})
	if len(p.Untargeted) != 4 {
		t.Errorf("the targets leave out %d resources", len(p.Untargeted))
	}
	if _, ok := actions(parsed(t, p).ResourceChanges)[string(app)]; ok {
		t.Error("the changes hold a resource that the targets leave out")
	}
}

// What the configuration tells of modules and instances is in the document.
func TestConfiguration(t *testing.T) {
	p := shapes(t)["create"]
	p.Configuration = &outline.Outline{
		Variables: map[string]outline.Variable{"tag": {Value: json.RawMessage(`"1"`)}, "password": {Sensitive: true}},
		Root: &outline.Module{
			Resources: []outline.Resource{{Address: "realm.main", Mode: "managed", Type: "kuke_realm", Name: "main", ProviderConfigKey: "kuke"}},
			Calls:     map[string]outline.Call{"web": {Source: "./web", Module: &outline.Module{}}},
		},
		Instances: []outline.Instance{
			{Path: "main", Block: "realm.main"},
			{Path: app, Modules: []string{`module.web["a"]`, `module.web["a"].module.inner`}, Block: "container.app", Index: json.RawMessage(`"x"`), References: []resource.Path{cell}},
		},
		Checks: []outline.Check{{Kind: outline.KindCheck, Name: "up", Instances: []outline.CheckResult{
			{Address: "check.up", Status: outline.Fail, Problems: []string{"It is down."}},
		}}},
	}
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	doc := parsed(t, p)
	if c := changeOf(t, doc.ResourceChanges, app); c.Index != "x" || c.ModuleAddress != `module.web["a"].module.inner` {
		t.Errorf("%+v", c)
	}
	outer := doc.PlannedValues.RootModule.ChildModules
	if len(outer) != 1 || outer[0].Address != `module.web["a"]` || len(outer[0].ChildModules) != 1 || outer[0].ChildModules[0].Resources[0].Address != string(app) {
		t.Errorf("modules %s", encode(t, outer))
	}
	if doc.Variables["tag"].Value != "1" || doc.Variables["password"] == nil || doc.Variables["password"].Value != nil {
		t.Errorf("variables %s", encode(t, doc.Variables))
	}
	if len(doc.RelevantAttributes) != 1 || doc.RelevantAttributes[0].Resource != string(cell) {
		t.Errorf("relevant %v", doc.RelevantAttributes)
	}
	if len(doc.Checks) != 1 || doc.Checks[0].Status != tfjson.CheckStatusFail || doc.Checks[0].Instances[0].Problems[0].Message != "It is down." || doc.Checks[0].Address.ToDisplay != "check.up" {
		t.Errorf("checks %s", encode(t, doc.Checks))
	}
	if doc.Config.RootModule.ModuleCalls["web"] == nil || doc.Config.RootModule.Resources[0].Type != "kuke_realm" {
		t.Errorf("configuration %s", encode(t, doc.Config))
	}
}

func TestState(t *testing.T) {
	h := made(t)
	var doc tfjson.State
	if err := json.Unmarshal(encode(t, jsonplan.OfState(h.prior, "shop", "1.2.3")), &doc); err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(); err != nil {
		t.Fatal(err)
	}
	if len(doc.Values.RootModule.Resources) != 6 || doc.Values.Outputs["kept"].Value != "same" || doc.TerraformVersion != jsonplan.TerraformVersion {
		t.Errorf("%s", encode(t, doc))
	}
	empty := jsonplan.OfState(&state.State{}, "shop", "1.2.3")
	checkLists(t, "", reflect.ValueOf(empty))
}
