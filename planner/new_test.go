package planner

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

func compare(t *testing.T, got, want string) {
	t.Helper()
	want = strings.TrimPrefix(want, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestCreate(t *testing.T) {
	h := newHost(t)
	p := h.converge(example(nil), Options{})
	compare(t, text(p), `
create main
create main/default
create main/default/blog
create main/default/blog/web
create main/default/blog/web/web
create main/default/blog/web/side
--
0 create main
1 create main/default after [0]
2 create main/default/blog after [1]
3 create main/default/blog/web after [1 2]
4 image kukeon-main web:1 after [0]
5 create main/default/blog/web/web after [1 3 4]
6 image kukeon-main side:1 after [0]
7 create main/default/blog/web/side after [3 5 6]
`)
	if s := p.Summary(); s != (plan.Summary{Add: 6}) {
		t.Errorf("summary %+v", s)
	}
	want := state.Status{
		Project: "default", Namespace: "kukeon-main", Cgroup: "/kukeon/main/default/blog/web/web_root", ContainerID: "default_blog_web_web",
		SpecDigest: resource.CreationDigest(&resource.Container{Root: true, Image: "web:1"}), ImageDigest: digestOf("web:1"),
	}
	if got := p.ChangesByPath()[theRoot].After.Status; got != want {
		t.Errorf("status %+v, want %+v", got, want)
	}
	if p.Project != "default" || p.Prior.Lineage != "lineage" || len(p.Images) != 2 || !p.Images[0].Pull || p.Images[0].Reference != "side:1" {
		t.Errorf("plan %+v", p)
	}
	if left := h.plan(example(nil), Options{}); len(left.Unchanged) != 6 {
		t.Errorf("%d resources are unchanged", len(left.Unchanged))
	}
}

func TestImageThatIsThereIsNotPulled(t *testing.T) {
	h := newHost(t)
	h.local[plan.ImageKey{Namespace: "kukeon-main", Reference: "web:1"}] = true
	p := h.plan(example(nil), Options{})
	for _, image := range p.Images {
		if image.Pull != (image.Reference != "web:1") {
			t.Errorf("%+v", image)
		}
	}
}

// Each attribute of each kind does what its schema says: a change of it replaces the resource or doesn't.
func TestEveryAttributeHasItsEffect(t *testing.T) {
	targets := map[resource.Kind]resource.Path{resource.KindRealm: theRealm, resource.KindSpace: theSpace, resource.KindStack: theStack, resource.KindCell: theCell, resource.KindContainer: theSide}
	for _, k := range resource.Kinds {
		for _, a := range k.Attributes() {
			if a.Name == "root" {
				continue
			}
			t.Run(string(k)+"/"+a.Name, func(t *testing.T) {
				h := made(t)
				desired := example(func(s specs) {
					s["main/other"] = &resource.Space{}
					if a.Name == "address6" { // of a subnet of the space
						s[theSpace].(*resource.Space).Network = &resource.Network{Subnet6: "fd00::/64"}
					}
					set(t, a, a.Field(reflect.ValueOf(s[targets[k]])))
					if resource.NamingOf(container(s, theSide)) != "" { // of the whole cell
						set(t, a, a.Field(reflect.ValueOf(s[theRoot])))
					}
				})
				c := h.converge(desired, Options{}).ChangesByPath()[targets[k]]
				want := plan.Update
				if a.Effect == resource.Replace {
					want = plan.Replace
				}
				if c == nil || c.Action != want {
					t.Fatalf("change %+v, want %s", c, want)
				}
				for _, d := range c.Diffs {
					if d.Computed {
						continue
					}
					if top := strings.FieldsFunc(d.Name, func(r rune) bool { return r == '.' || r == '[' })[0]; top != a.Name || d.ForcesReplacement && want != plan.Replace {
						t.Errorf("difference %+v", d)
					}
				}
			})
		}
	}
}

// set gives v some value.
func set(t *testing.T, a *resource.Attribute, v reflect.Value) {
	t.Helper()
	switch a.Type {
	case resource.TypeString:
		value, ok := map[string]string{"ipv4": "10.88.0.9", "ipv6": "fd00::9", "subnet": "10.99.0.0/24", "restartpolicy": "always", "networkmode": "host", "mac": "02:00:00:00:00:07", "sealed": sealed("other")}[a.Check]
		if !ok {
			value = "other"
		}
		v.SetString(value)
	case resource.TypeBool:
		v.SetBool(true)
	case resource.TypeInt, resource.TypeBytes:
		n := int64(7)
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.ValueOf(&n))
		} else {
			v.SetInt(n)
		}
	case resource.TypeFloat:
		v.SetFloat(2)
	case resource.TypeList, resource.TypeSet:
		value, ok := map[string]string{"port": "80", "resolver": "192.0.2.1", "extrahost": "other:192.0.2.1"}[a.Check]
		if !ok {
			value = "other"
		}
		v.Set(reflect.ValueOf([]string{value}))
	case resource.TypeMap, resource.TypePairs:
		v.Set(reflect.ValueOf(map[string]string{"k": "v"}).Convert(v.Type()))
	case resource.TypeObject:
		v.Set(reflect.New(v.Type().Elem()))
		set(t, a.Fields[0], a.Fields[0].Field(v))
	case resource.TypeObjects:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		for _, f := range a.Fields {
			set(t, f, f.Field(v.Index(0)))
		}
	default:
		t.Fatalf("no value for type %s", a.Type)
	}
}

func container(s specs, p resource.Path) *resource.Container { return s[p].(*resource.Container) }

func TestChanges(t *testing.T) {
	runChanges(t, []change{
		{name: "nothing"},
		{
			name: "env",
			edit: func(s specs) { container(s, theSide).Env = resource.Env{"A": "1"} },
			want: `
replace main/default/blog/web/side
  !env["A"]: <nil> -> 1
`},
		{
			name: "labels and limits",
			edit: func(s specs) {
				container(s, theRoot).Labels = map[string]string{"a": "b"}
				container(s, theSide).Resources = &resource.Resources{Memory: 1 << 20}
				s[theRealm].(*resource.Realm).Resources = &resource.Resources{CPUs: 0.5}
			},
			want: `
update main
  resources.cpus: <nil> -> 0.5
update main/default/blog/web/web
  labels["a"]: <nil> -> b
update main/default/blog/web/side
  resources.memory: <nil> -> 1048576
`},
		{
			name: "root container is replaced",
			edit: func(s specs) { container(s, theRoot).Image = "web:2" },
			want: `
replace main/default/blog/web/web
  !image: web:1 -> web:2
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is replaced
`,
			more: func(t *testing.T, p *plan.Plan) {
				_, steps, _ := strings.Cut(text(p), "--\n")
				compare(t, steps, `
0 image kukeon-main web:2
1 image kukeon-main side:1
2 prepare main/default/blog/web/web after [0]
3 prepare main/default/blog/web/side after [1]
4 delete main/default/blog/web/side after [2 3]
5 delete main/default/blog/web/web after [2 3 4]
6 create main/default/blog/web/web after [0 2 4 5]
7 create main/default/blog/web/side after [1 3 4 6]
`)
				if s := p.Summary(); s != (plan.Summary{Add: 2, Destroy: 2}) {
					t.Errorf("summary %+v", s)
				}
			}},
		{
			name: "another container becomes root",
			edit: func(s specs) { container(s, theRoot).Root, container(s, theSide).Root = false, true },
			want: `
replace main/default/blog/web/side
  !root: <nil> -> true
replace main/default/blog/web/web
  !root: true -> <nil>
`},
		{
			name: "a new root container",
			edit: func(s specs) {
				delete(s, theRoot)
				s[theCell+"/new"] = &resource.Container{Root: true, Image: "web:1"}
			},
			want: `
create main/default/blog/web/new
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/new is created
delete main/default/blog/web/web
  # no longer in the configuration
`},
		{
			name: "namespace of the realm",
			edit: func(s specs) { s[theRealm].(*resource.Realm).Namespace = "other" },
			host: func(h *host) { h.actual.Namespaces["kukeon-main"].Images = 2 },
			want: `
replace main
  # keeps 2 images in containerd namespace kukeon-main
  !namespace: <nil> -> other
replace main/default
  # replaced because realm main is replaced
replace main/default/blog
  # replaced because realm main is replaced
replace main/default/blog/web
  # replaced because realm main is replaced
replace main/default/blog/web/web
  # replaced because realm main is replaced
replace main/default/blog/web/side
  # replaced because realm main is replaced
`},
		{
			name: "a container less, a cell more",
			edit: func(s specs) {
				delete(s, theSide)
				s[theStack+"/db"] = &resource.Cell{}
			},
			want: `
create main/default/blog/db
delete main/default/blog/web/side
  # no longer in the configuration
`},
		{
			name: "a stack less",
			edit: func(s specs) {
				for _, p := range []resource.Path{theStack, theCell, theRoot, theSide} {
					delete(s, p)
				}
			},
			want: `
delete main/default/blog
  # no longer in the configuration
delete main/default/blog/web
delete main/default/blog/web/web
delete main/default/blog/web/side
`},
		{
			name: "dependsOn orders",
			edit: func(s specs) {
				container(s, theSide).DependsOn = []resource.Dependency{{Name: "a-new"}}
				container(s, theSide).User = "root"
				s[theCell+"/a-new"] = &resource.Container{Image: "side:1", DependsOn: []resource.Dependency{{Name: "z-new"}}}
				s[theCell+"/z-new"] = &resource.Container{Image: "side:1"}
			},
			want: `
create main/default/blog/web/a-new
replace main/default/blog/web/side
  !user: <nil> -> root
  dependsOn["a-new"]: <nil> -> true
create main/default/blog/web/z-new
`,
			more: func(t *testing.T, p *plan.Plan) {
				_, steps, _ := strings.Cut(text(p), "--\n")
				compare(t, steps, `
0 image kukeon-main side:1
1 prepare main/default/blog/web/a-new after [0]
2 prepare main/default/blog/web/side after [0]
3 prepare main/default/blog/web/z-new after [0]
4 create main/default/blog/web/z-new after [0 3]
5 create main/default/blog/web/a-new after [0 1 4]
6 delete main/default/blog/web/side after [1 2 3 5]
7 create main/default/blog/web/side after [0 2 5 6]
`)
			}},
	})
}

func TestRestartPolicyNoIsNothingToRefuse(t *testing.T) {
	newHost(t).converge(example(func(s specs) { container(s, theSide).RestartPolicy = "no" }), Options{})
}

func TestContainerState(t *testing.T) {
	tests := map[string]*plan.Container{
		"Pending": nil, "Ready": {Status: plan.TaskRunning}, "Stopped": {Status: plan.TaskStopped}, "Failed": {Status: plan.TaskStopped, ExitCode: 1},
		"Paused": {Status: plan.TaskPaused}, "Pausing": {Status: plan.TaskPausing}, "Unknown": {Status: plan.TaskUnknown},
	}
	for want, c := range tests {
		if got := c.State(); got != want {
			t.Errorf("%+v is %s, want %s", c, got, want)
		}
	}
}
