package planner

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/realm"
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
	if s := p.Summary(); s != (Summary{Add: 6}) {
		t.Errorf("summary %+v", s)
	}
	want := state.Status{
		Project: "default", Namespace: "kukeon-main", Cgroup: "/kukeon/main/default/blog/web/web_root", ContainerID: "default_blog_web_web",
		SpecDigest: realm.CreationDigest(&realm.Container{Root: true, Image: "web:1"}), ImageDigest: digestOf("web:1"),
	}
	if got := p.ChangesByPath()[theRoot].After.Status; got != want {
		t.Errorf("status %+v, want %+v", got, want)
	}
	if p.Project != "default" || p.Prior.Lineage != "lineage" || len(p.Images) != 2 || !p.Images[0].Pull || p.Images[0].Reference != "side:1" {
		t.Errorf("plan %+v", p)
	}
	if left := h.plan(example(nil), Options{}); left.Unchanged != 6 {
		t.Errorf("%d resources are unchanged", left.Unchanged)
	}
}

func TestImageThatIsThereIsNotPulled(t *testing.T) {
	h := newHost(t)
	h.local[ImageKey{"kukeon-main", "web:1"}] = true
	p := h.plan(example(nil), Options{})
	for _, image := range p.Images {
		if image.Pull != (image.Reference != "web:1") {
			t.Errorf("%+v", image)
		}
	}
}

// Each attribute of each kind does what its schema says: a change of it replaces the resource or doesn't.
func TestEveryAttributeHasItsEffect(t *testing.T) {
	targets := map[realm.Kind]realm.Path{realm.KindRealm: theRealm, realm.KindSpace: theSpace, realm.KindStack: theStack, realm.KindCell: theCell, realm.KindContainer: theSide}
	for _, k := range realm.Kinds {
		for _, a := range k.Attributes() {
			if a.Name == "root" {
				continue
			}
			t.Run(string(k)+"/"+a.Name, func(t *testing.T) {
				h := made(t)
				desired := example(func(s specs) { s["main/other"] = &realm.Space{}; set(t, a, a.Field(reflect.ValueOf(s[targets[k]]))) })
				c := h.converge(desired, Options{}).ChangesByPath()[targets[k]]
				want := Update
				if a.Effect == realm.Replace {
					want = Replace
				}
				if c == nil || c.Action != want {
					t.Fatalf("change %+v, want %s", c, want)
				}
				for _, d := range c.Diffs {
					if d.Computed {
						continue
					}
					if top := strings.FieldsFunc(d.Name, func(r rune) bool { return r == '.' || r == '[' })[0]; top != a.Name || d.ForcesReplacement && want != Replace {
						t.Errorf("difference %+v", d)
					}
				}
			})
		}
	}
}

// set gives v some value.
func set(t *testing.T, a *realm.Attribute, v reflect.Value) {
	t.Helper()
	switch a.Type {
	case realm.TypeString:
		value, ok := map[string]string{"ipv4": "10.88.0.9", "subnet": "10.99.0.0/24", "restartpolicy": "always", "sealed": sealed("other")}[a.Check]
		if !ok {
			value = "other"
		}
		v.SetString(value)
	case realm.TypeBool:
		v.SetBool(true)
	case realm.TypeInt, realm.TypeBytes:
		n := int64(7)
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.ValueOf(&n))
		} else {
			v.SetInt(n)
		}
	case realm.TypeFloat:
		v.SetFloat(2)
	case realm.TypeList, realm.TypeSet:
		value := "other"
		if a.Check == "port" {
			value = "80"
		}
		v.Set(reflect.ValueOf([]string{value}))
	case realm.TypeMap, realm.TypePairs:
		v.Set(reflect.ValueOf(map[string]string{"k": "v"}).Convert(v.Type()))
	case realm.TypeObject:
		v.Set(reflect.New(v.Type().Elem()))
		set(t, a.Fields[0], a.Fields[0].Field(v))
	case realm.TypeObjects:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		for _, f := range a.Fields {
			set(t, f, f.Field(v.Index(0)))
		}
	default:
		t.Fatalf("no value for type %s", a.Type)
	}
}

func container(s specs, p realm.Path) *realm.Container { return s[p].(*realm.Container) }

func TestChanges(t *testing.T) {
	tests := []change{
		{name: "nothing"},
		{
			name: "env",
			edit: func(s specs) { container(s, theSide).Env = realm.Env{"A": "1"} },
			want: `
replace main/default/blog/web/side
  !env["A"]: <nil> -> 1
`},
		{
			name: "labels and limits",
			edit: func(s specs) {
				container(s, theRoot).Labels = map[string]string{"a": "b"}
				container(s, theSide).Resources = &realm.Resources{Memory: 1 << 20}
				s[theRealm].(*realm.Realm).Resources = &realm.Resources{CPUs: 0.5}
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
			more: func(t *testing.T, p *Plan) {
				_, steps, _ := strings.Cut(text(p), "--\n")
				compare(t, steps, `
0 image kukeon-main web:2
1 image kukeon-main side:1
2 delete main/default/blog/web/side after [0 1]
3 delete main/default/blog/web/web after [0 1 2]
4 create main/default/blog/web/web after [0 2 3]
5 create main/default/blog/web/side after [1 2 4]
`)
				if s := p.Summary(); s != (Summary{Add: 2, Destroy: 2}) {
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
				s[theCell+"/new"] = &realm.Container{Root: true, Image: "web:1"}
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
			edit: func(s specs) { s[theRealm].(*realm.Realm).Namespace = "other" },
			host: func(h *host) { h.actual.Namespaces["kukeon-main"].Images = 2 },
			want: `
replace main
  # with containerd namespace kukeon-main and the images in it (2)
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
				s[theStack+"/db"] = &realm.Cell{}
			},
			want: `
create main/default/blog/db
delete main/default/blog/web/side
  # no longer in the configuration
`},
		{
			name: "a stack less",
			edit: func(s specs) {
				for _, p := range []realm.Path{theStack, theCell, theRoot, theSide} {
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
				container(s, theSide).DependsOn = []realm.Dependency{{Name: "a-new"}}
				container(s, theSide).User = "root"
				s[theCell+"/a-new"] = &realm.Container{Image: "side:1", DependsOn: []realm.Dependency{{Name: "z-new"}}}
				s[theCell+"/z-new"] = &realm.Container{Image: "side:1"}
			},
			want: `
create main/default/blog/web/a-new
replace main/default/blog/web/side
  !user: <nil> -> root
  dependsOn["a-new"]: <nil> -> true
create main/default/blog/web/z-new
`,
			more: func(t *testing.T, p *Plan) {
				_, steps, _ := strings.Cut(text(p), "--\n")
				compare(t, steps, `
0 image kukeon-main side:1
1 delete main/default/blog/web/side after [0]
2 create main/default/blog/web/z-new after [0]
3 create main/default/blog/web/a-new after [0 2]
4 create main/default/blog/web/side after [0 1 3]
`)
			}},
		{
			name: "task of a container exited",
			host: func(h *host) { h.kill(theSide, 3) },
			want: `
start main/default/blog/web/side
  # it exited with code 3
`,
			more: func(t *testing.T, p *Plan) {
				if s := p.Summary(); s != (Summary{Start: 1}) {
					t.Errorf("summary %+v", s)
				}
			}},
		{
			name: "task is missing, another was never started, one more is unknown",
			edit: func(s specs) { s[theCell+"/more"] = &realm.Container{Image: "side:1"} },
			host: func(h *host) {
				h.apply(h.plan(example(func(s specs) { s[theCell+"/more"] = &realm.Container{Image: "side:1"} }), Options{}))
				for p, status := range map[realm.Path]TaskStatus{theCell + "/more": TaskUnknown, theSide: TaskCreated} {
					h.at(p).Status, h.at(p).NetNS = status, 0
				}
				h.at(theRoot).Status, h.at(theRoot).NetNS = TaskNone, 0
			},
			want: `
start main/default/blog/web/web
  # its task is missing
start main/default/blog/web/more
  # containerd does not know the state of its task
start main/default/blog/web/side
  # its task was never started
`},
		{
			name: "task of the root container exited",
			host: func(h *host) { h.kill(theRoot, 0); delete(h.pins, theCell) },
			want: `
start main/default/blog/web/web
  # it exited with code 0
restart main/default/blog/web/side
  # restarted because root container main/default/blog/web/web is started and makes the network namespace anew
`,
			more: func(t *testing.T, p *Plan) {
				_, steps, _ := strings.Cut(text(p), "--\n")
				compare(t, steps, `
0 stop main/default/blog/web/side
1 start main/default/blog/web/web after [0]
2 start main/default/blog/web/side after [0 1]
`)
			}},
		{
			name: "an update and a start at once",
			edit: func(s specs) { container(s, theSide).Labels = map[string]string{"a": "b"} },
			host: func(h *host) { h.kill(theRoot, 0); delete(h.pins, theCell) },
			want: `
start main/default/blog/web/web
  # it exited with code 0
update main/default/blog/web/side and start
  # restarted because root container main/default/blog/web/web is started and makes the network namespace anew
  labels["a"]: <nil> -> b
`},
		{
			name: "paused",
			host: func(h *host) { h.at(theSide).Status = TaskPaused },
			want: `
unpause main/default/blog/web/side
  # changed outside of kuke: it is paused
`},
		{
			name: "in a strange network namespace",
			host: func(h *host) { h.at(theSide).NetNS = 77 },
			want: `
restart main/default/blog/web/side
  # restarted because it is not in the network namespace of its cell
`},
		{
			name: "container was removed",
			host: func(h *host) { delete(h.actual.Namespaces["kukeon-main"].Containers, realm.ContainerID(theSide)) },
			want: `
create main/default/blog/web/side
  # removed outside of kuke: containerd has no such container
`},
		{
			name: "root container was removed",
			host: func(h *host) { delete(h.actual.Namespaces["kukeon-main"].Containers, realm.ContainerID(theRoot)) },
			want: `
create main/default/blog/web/web
  # removed outside of kuke: containerd has no such container
replace main/default/blog/web/side
  # replaced because root container main/default/blog/web/web is created
`},
		{
			name: "container was made anew by another hand",
			host: func(h *host) { h.at(theSide).Labels[LabelSpecDigest] = "sha256:other" },
			want: `
replace main/default/blog/web/side
  # changed outside of kuke: containerd's container is not the one that was made
`},
		{
			name: "namespace was removed",
			host: func(h *host) {
				delete(h.actual.Namespaces, "kukeon-main")
				clear(h.local)
			},
			want: `
update main
  # containerd namespace kukeon-main is missing
create main/default/blog/web/web
  # removed outside of kuke: containerd has no such container
create main/default/blog/web/side
  # removed outside of kuke: containerd has no such container
`},
		{
			name: "cgroup was removed",
			host: func(h *host) { delete(h.actual.Cgroups, "/kukeon/main/default") },
			want: `
update main/default
  # cgroup /kukeon/main/default is missing
`},
		{
			name: "limits were changed",
			edit: func(s specs) { s[theCell].(*realm.Cell).Resources = &realm.Resources{Memory: 1 << 20, PIDs: 5} },
			host: func(h *host) {
				h.apply(h.plan(example(func(s specs) { s[theCell].(*realm.Cell).Resources = &realm.Resources{Memory: 1 << 20, PIDs: 5} }), Options{}))
				h.actual.Cgroups["/kukeon/"+string(theCell)] = realm.Resources{Memory: 2 << 20, CPUs: 1}
			},
			want: `
update main/default/blog/web
  # limits changed outside of kuke: memory 1048576 → 2097152, pids 5 → unset, cpus unset → 1
`},
		{
			name: "limits of what sets none are nobody's business",
			host: func(h *host) { h.actual.Cgroups["/kukeon/"+string(theCell)] = realm.Resources{Memory: 2 << 20} },
		},
		{
			name: "unrecorded and as wanted",
			host: func(h *host) { delete(h.prior.Records, theSide) },
			want: `
adopt main/default/blog/web/side
  # an apply was interrupted before it could record this container
`,
			more: func(t *testing.T, p *Plan) {
				if c := p.Changes[0]; c.After.Status.ImageDigest != digestOf("side:1") || p.Summary() != (Summary{Adopt: 1}) {
					t.Errorf("status %+v, summary %+v", c.After.Status, p.Summary())
				}
			}},
		{
			name: "unrecorded and different",
			edit: func(s specs) { container(s, theSide).Image = "side:2" },
			host: func(h *host) { delete(h.prior.Records, theSide) },
			want: `
replace main/default/blog/web/side
  # it was left unrecorded by an apply that was interrupted, and differs from what is wanted
  !image: <nil> -> side:2
`},
		{
			name: "unrecorded and not running",
			host: func(h *host) {
				h.kill(theSide, 0)
				delete(h.prior.Records, theSide)
			},
			want: `
replace main/default/blog/web/side
  # an apply was interrupted while it made this container
  !image: <nil> -> side:1
`},
		{
			name: "unrecorded in another network namespace",
			host: func(h *host) {
				h.at(theSide).NetNS = 77
				delete(h.prior.Records, theSide)
			},
			want: `
replace main/default/blog/web/side
  # it is not in the network namespace of its cell
  !image: <nil> -> side:1
`},
		{
			name: "unrecorded below a root container that is started",
			host: func(h *host) {
				h.kill(theRoot, 1)
				delete(h.pins, theCell)
				delete(h.prior.Records, theSide)
			},
			want: `
start main/default/blog/web/web
  # it exited with code 1
replace main/default/blog/web/side
  # it was left unrecorded by an apply that was interrupted
  !image: <nil> -> side:1
`},
		{
			name: "unrecorded and not wanted",
			edit: func(s specs) { delete(s, theSide) },
			host: func(h *host) { delete(h.prior.Records, theSide) },
			want: `
delete main/default/blog/web/side
  # left unrecorded by an apply that was interrupted
`},
		{
			name: "unrecorded, not wanted and of another project",
			edit: func(s specs) { delete(s, theSide) },
			host: func(h *host) {
				delete(h.prior.Records, theSide)
				h.at(theSide).Labels[LabelProject] = "other"
			},
			opts: Options{},
		},
		{
			name: "everything unrecorded",
			host: func(h *host) { clear(h.prior.Records) },
			want: `
create main
create main/default
create main/default/blog
create main/default/blog/web
replace main/default/blog/web/web
  # its cell is not recorded, so that its addresses are not known
  !root: <nil> -> true
  !image: <nil> -> web:1
replace main/default/blog/web/side
  # its cell is not recorded, so that its addresses are not known
  !image: <nil> -> side:1
`},
		{
			name: "everything unrecorded, and destroy",
			host: func(h *host) { clear(h.prior.Records) },
			opts: Options{Destroy: true},
			want: `
delete main
  # left unrecorded by an apply that was interrupted
delete main/default/blog/web/side
  # left unrecorded by an apply that was interrupted
delete main/default/blog/web/web
  # left unrecorded by an apply that was interrupted
`},
		{
			name: "made by hand",
			host: func(h *host) { h.prior.Records[theSide].Status.Project = "" },
			want: `
update main/default/blog/web/side
  # made by hand, now taken into project "default"
`},
		{
			name: "made by hand and not in the configuration",
			edit: func(s specs) { delete(s, theSide) },
			host: func(h *host) { h.prior.Records[theSide].Status.Project = "" },
		},
		{
			name: "made by hand in a cell that goes",
			edit: func(s specs) {
				delete(s, theCell)
				delete(s, theRoot)
				delete(s, theSide)
			},
			host: func(h *host) { h.prior.Records[theSide].Status.Project = "" },
			want: `
delete main/default/blog/web
  # no longer in the configuration
delete main/default/blog/web/web
delete main/default/blog/web/side
  # made by hand, deleted with cell main/default/blog/web
`},
		{
			name: "of another project and not in the configuration",
			edit: func(s specs) { delete(s, theSide) },
			host: func(h *host) { h.prior.Records[theSide].Status.Project = "other" },
		},
		{
			name: "made by hand in a realm that is replaced",
			edit: func(s specs) {
				maps.DeleteFunc(s, func(p realm.Path, _ realm.Spec) bool { return p != theRealm })
				s[theRealm].(*realm.Realm).Namespace = "other"
			},
			host: func(h *host) {
				for p, r := range h.prior.Records {
					if p != theRealm {
						r.Status.Project = ""
					}
				}
			},
			want: `
replace main
  !namespace: <nil> -> other
delete main/default
  # made by hand, deleted with realm main
delete main/default/blog
  # made by hand, deleted with space main/default
delete main/default/blog/web
  # made by hand, deleted with stack main/default/blog
delete main/default/blog/web/web
  # made by hand, deleted with cell main/default/blog/web
delete main/default/blog/web/side
  # made by hand, deleted with cell main/default/blog/web
`},
		{
			name: "only one container is declared, the others are none of its business",
			edit: func(s specs) {
				maps.DeleteFunc(s, func(p realm.Path, _ realm.Spec) bool { return p != theSide })
				container(s, theSide).User = "root"
			},
			want: `
replace main/default/blog/web/side
  !user: <nil> -> root
`},
		{
			name: "a realm and a container are declared: what is between stays",
			edit: func(s specs) {
				maps.DeleteFunc(s, func(p realm.Path, _ realm.Spec) bool { return p != theSide && p != theRealm })
			},
		},
		{
			name: "an empty configuration says nothing",
			edit: func(s specs) { clear(s) },
		},
		{
			name: "destroy",
			opts: Options{Destroy: true},
			want: `
delete main
delete main/default
delete main/default/blog
delete main/default/blog/web
delete main/default/blog/web/web
delete main/default/blog/web/side
`,
			more: func(t *testing.T, p *Plan) {
				_, steps, _ := strings.Cut(text(p), "--\n")
				compare(t, steps, `
0 delete main/default/blog/web/side
1 delete main/default/blog/web/web after [0]
2 delete main/default/blog/web after [0 1]
3 delete main/default/blog after [2]
4 delete main/default after [3]
5 delete main after [4]
`)
			}},
		{
			name: "destroy by another project",
			opts: Options{Destroy: true, Project: "other"},
		},
	}
	runChanges(t, tests)
}

func TestRestartPolicyNoIsNothingToRefuse(t *testing.T) {
	newHost(t).converge(example(func(s specs) { container(s, theSide).RestartPolicy = "no" }), Options{})
}

func TestOrphansInTwoNamespaces(t *testing.T) {
	h := made(t)
	delete(h.prior.Records, theSide)
	twin := *h.at(theSide)
	for _, name := range []string{"a", "z"} {
		h.actual.Namespaces[name] = &Namespace{Containers: map[string]*Container{twin.ID: &twin}}
	}
	first := text(h.plan(example(nil), Options{}))
	for range 20 {
		if again := text(h.plan(example(nil), Options{})); again != first {
			t.Fatalf("first\n%s\nthen\n%s", first, again)
		}
	}
}

func TestContainerState(t *testing.T) {
	tests := map[string]*Container{
		"Pending": nil, "Ready": {Status: TaskRunning}, "Stopped": {Status: TaskStopped}, "Failed": {Status: TaskStopped, ExitCode: 1},
		"Paused": {Status: TaskPaused}, "Pausing": {Status: TaskPausing}, "Unknown": {Status: TaskUnknown},
	}
	for want, c := range tests {
		if got := c.State(); got != want {
			t.Errorf("%+v is %s, want %s", c, got, want)
		}
	}
}
