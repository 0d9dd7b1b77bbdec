package planner

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

func TestRefusals(t *testing.T) {
	tests := []struct {
		name    string
		edit    func(*resource.Tree, specs) *resource.Tree // what is desired; nil for the example
		host    func(*host)
		opts    Options
		summary string
		path    resource.Path
		detail  string
	}{
		{
			name:    "limit without its controller",
			edit:    withSpecs(func(s specs) { s[theCell].(*resource.Cell).Resources = &resource.Resources{IOWeight: 5} }),
			host:    func(h *host) { h.actual.Controllers = map[string]bool{"memory": true} },
			summary: "Limit can't be enforced", path: theCell, detail: "have no io controller",
		},
		{
			name:    "excluded container whose root is replaced",
			edit:    withSpecs(func(s specs) { container(s, theRoot).Image = "web:2" }),
			opts:    Options{Exclude: []resource.Path{theSide}},
			summary: "Excluded resource would change", path: theSide, detail: "the plan would replace it, since its root container main/default/blog/web/web changes",
		},
		{
			name:    "excluded resource that is none",
			opts:    Options{Exclude: []resource.Path{"main/none"}},
			summary: "Unknown resource to exclude", path: "main/none", detail: "neither in the configuration nor in the state",
		},
		{
			name: "bound of swap that isn't accounted for",
			edit: withSpecs(func(s specs) {
				s[theCell].(*resource.Cell).Resources = &resource.Resources{Memory: 1 << 20, MemorySwap: 1 << 21}
			}),
			host:    func(h *host) { h.actual.Controllers = map[string]bool{"memory": true} },
			summary: "Limit can't be enforced", path: theCell, detail: "sets resources.memorySwap, but the kernel of this host does not account for swap",
		},
		{
			name: "bound of swap below the memory",
			edit: withSpecs(func(s specs) {
				s[theCell].(*resource.Cell).Resources = &resource.Resources{Memory: 1 << 22, MemorySwap: 1 << 21}
			}),
			summary: "Invalid limit", path: theCell, detail: "memory and swap together can't be less than the memory alone",
		},
		{
			name:    "image that isn't there",
			edit:    withSpecs(func(s specs) { container(s, theSide).Image = "missing:1" }),
			summary: "Name of the registry not resolved", path: theSide, detail: "can't be pulled: no such host. Check the name. Otherwise bring the image in: kuke image import --realm main",
		},
		{
			name: "the socket of Docker",
			edit: withSpecs(func(s specs) {
				container(s, theSide).Volumes = []resource.VolumeMount{{Source: "/var/run/docker.sock", Target: "/t"}}
			}),
			host:    func(h *host) { h.actual.MissingPaths["/var/run/docker.sock"] = true },
			summary: "Volume source is missing", path: theSide, detail: "kuke runs containers without Docker",
		},
		{
			name:    "volume source that isn't there",
			edit:    withSpecs(func(s specs) { container(s, theSide).Volumes = []resource.VolumeMount{{Source: "/gone", Target: "/t"}} }),
			host:    func(h *host) { h.actual.MissingPaths["/gone"] = true },
			summary: "Volume source is missing", path: theSide, detail: "this host has no /gone",
		},
		{
			name: "propagation that the host's mount does not allow",
			edit: withSpecs(func(s specs) {
				container(s, theSide).Volumes = []resource.VolumeMount{{Source: "/gone", Target: "/t", Propagation: "rslave", CreateHostPath: true}}
			}),
			host: func(h *host) {
				h.actual.MissingPaths["/gone"] = true // it is created
				h.actual.Unpropagated = map[plan.PropagationKey]string{{Source: "/gone", Propagation: "rslave"}: "private"}
			},
			summary: "Propagation not possible", path: theSide, detail: "on a slave of one, but on this host it is on a private mount",
		},
		{
			name:    "device that isn't there",
			edit:    withSpecs(func(s specs) { container(s, theSide).Devices = []string{"/dev/gone:/dev/x:r"} }),
			host:    func(h *host) { h.actual.MissingPaths["/dev/gone"] = true },
			summary: "Device is missing", path: theSide, detail: "uses device /dev/gone, which this host doesn't have. Connect it, load its kernel module, or remove it from devices.",
		},
		{
			name:    "device that is none",
			edit:    withSpecs(func(s specs) { container(s, theSide).Devices = []string{"/etc/passwd:/dev/x"} }),
			host:    func(h *host) { h.actual.NotDevices = map[string]bool{"/etc/passwd": true} },
			summary: "Not a device", path: theSide, detail: "uses /etc/passwd as a device, but on this host it is none",
		},
		{
			name:    "user that the image lacks",
			edit:    withSpecs(func(s specs) { container(s, theSide).User = "app" }),
			host:    flawed,
			summary: "User not found", path: theSide, detail: "container main/default/blog/web/side is to run as user app.",
		},
		{
			name: "volume source of a container that runs and is restarted",
			host: func(h *host) {
				spec := h.prior.Records[theSide].Spec.(*resource.Container)
				spec.Volumes = []resource.VolumeMount{{Source: "/gone", Target: "/t"}}
				h.prior.Records[theSide].Status.SpecDigest = resource.CreationDigest(spec)
				h.at(theSide).Labels[plan.LabelSpecDigest] = resource.CreationDigest(spec)
				h.at(theSide).NetNS = 4711
				h.actual.MissingPaths["/gone"] = true
			},
			edit:    withSpecs(func(s specs) { container(s, theSide).Volumes = []resource.VolumeMount{{Source: "/gone", Target: "/t"}} }),
			summary: "Volume source is missing", path: theSide, detail: "this host has no /gone",
		},
		{
			name:    "resource of another project",
			host:    func(h *host) { h.prior.Records[theSide].Status.Project = "other" },
			summary: "Resource of another project", path: theSide, detail: `belongs to project "other", this is project "default"`,
		},
		{
			name: "parent of another project",
			edit: withSpecs(func(s specs) {
				maps.DeleteFunc(s, func(p resource.Path, _ resource.Spec) bool { return p != theSide })
			}),
			host:    func(h *host) { h.prior.Records[theCell].Status.Project = "other" },
			summary: "Parent of another project", path: theSide, detail: `(in HCL: cell "web" { parent = "main/default/blog" external = true }, with each argument on its own line).`,
		},
		{
			name:    "missing parent",
			edit:    withSpecs(func(s specs) { clear(s); s["main/other/x"] = &resource.Stack{} }),
			summary: "Missing parent", path: "main/other/x", detail: "needs space main/other",
		},
		{
			name:    "missing external",
			edit:    external("main/other"),
			summary: "External resource is missing", path: "main/other", detail: "the state has no record of it",
		},
		{
			name:    "target that is nowhere",
			opts:    Options{Targets: []resource.Path{"main/nowhere"}},
			summary: "Unknown target", path: "main/nowhere", detail: "kuke state list lists the recorded ones",
		},
		{
			name:    "nothing to replace",
			opts:    Options{Replace: []resource.Path{theCell, theCell + "/nowhere"}},
			summary: "Nothing to replace", path: theCell + "/nowhere", detail: "names no container of the configuration",
		},
		{
			name:    "something to replace that is no target",
			opts:    Options{Targets: []resource.Path{theRoot}, Replace: []resource.Path{theSide}},
			summary: "Nothing to replace", path: theSide, detail: "--target leaves out",
		},
		{
			name: "something to replace that is protected",
			edit: func(tree *resource.Tree, _ specs) *resource.Tree {
				tree.Resource(theSide).Lifecycle = &resource.Lifecycle{PreventDestroy: true}
				return tree
			},
			opts:    Options{Replace: []resource.Path{theSide}},
			summary: "Protected resource", path: theSide, detail: "would be replaced (replaced as asked with --replace)",
		},
		{
			name:    "foreign container in the namespace that goes",
			host:    func(h *host) { h.actual.Namespaces["kukeon-main"].Containers["x"] = &plan.Container{ID: "x"} },
			opts:    Options{Destroy: true},
			summary: "Namespace holds foreign containers", path: theRealm, detail: "does not manage: x.",
		},
		{
			name: "container of another project, unrecorded, in the namespace that goes",
			host: func(h *host) {
				h.at(theSide).Labels[plan.LabelProject] = "other"
				delete(h.prior.Records, theSide)
			},
			opts:    Options{Destroy: true},
			summary: "Namespace holds foreign containers", path: theRealm, detail: resource.ContainerID(theSide),
		},
		{
			name: "foreign container that pretends to be ours",
			host: func(h *host) {
				h.actual.Namespaces["kukeon-main"].Containers["x"] = &plan.Container{ID: "x", Labels: map[string]string{plan.LabelPath: string(theSide)}}
			},
			opts:    Options{Destroy: true},
			summary: "Namespace holds foreign containers", path: theRealm, detail: "does not manage: x.",
		},
		{
			name:    "foreign container in the namespace that is replaced",
			edit:    withSpecs(func(s specs) { s[theRealm].(*resource.Realm).Namespace = "other" }),
			host:    func(h *host) { h.actual.Namespaces["kukeon-main"].Containers["x"] = &plan.Container{ID: "x"} },
			summary: "Namespace holds foreign containers", path: theRealm, detail: "does not manage: x.",
		},
		{
			name:    "another project's container in a cell that goes",
			host:    func(h *host) { h.prior.Records[theSide].Status.Project = "other" },
			opts:    Options{Destroy: true},
			summary: "Resource of another project in the way", path: theSide, detail: `of project "other": destroy that first`,
		},
		{
			name: "another project's container in a realm that is replaced",
			edit: withSpecs(func(s specs) {
				s[theRealm].(*resource.Realm).Namespace = "other"
				delete(s, theSide)
			}),
			host:    func(h *host) { h.prior.Records[theSide].Status.Project = "other" },
			summary: "Resource of another project in the way", path: theSide, detail: `of project "other"`,
		},
		{
			name: "external container in a realm that is replaced",
			edit: func(_ *resource.Tree, s specs) *resource.Tree {
				s[theRealm].(*resource.Realm).Namespace = "other"
				tr := tree(s)
				tr.Resource(theSide).External = true
				return tr
			},
			summary: "External resource in the way", path: theSide, detail: "managed elsewhere",
		},
		{
			name: "undeclared cell in a realm that is replaced",
			edit: withSpecs(func(s specs) {
				s[theRealm].(*resource.Realm).Namespace = "other"
				delete(s, theCell)
			}),
			summary: "Undeclared parent in a replaced realm", path: theCell, detail: "declare it too",
		},
		{
			name: "first container of a cell made elsewhere, not its root",
			edit: withSpecs(func(s specs) { clear(s); s[theCell+"/new"] = &resource.Container{Image: "side:1"} }),
			host: func(h *host) {
				delete(h.prior.Records, theRoot)
				delete(h.prior.Records, theSide)
			},
			summary: "No root container", path: theCell + "/new", detail: "set root = true",
		},
		{
			name:    "a second root container in an undeclared cell, new",
			edit:    withSpecs(func(s specs) { clear(s); s[theCell+"/new"] = &resource.Container{Root: true, Image: "side:1"} }),
			summary: "Two root containers", path: theCell + "/new", detail: "has the root container " + string(theRoot),
		},
		{
			name: "a second root container in an undeclared cell, made before",
			edit: withSpecs(func(s specs) {
				maps.DeleteFunc(s, func(p resource.Path, _ resource.Spec) bool { return p != theSide })
				container(s, theSide).Root = true
			}),
			summary: "Two root containers", path: theSide, detail: "has the root container " + string(theRoot),
		},
		{
			name: "a root container beside one that was made by hand",
			edit: withSpecs(func(s specs) {
				delete(s, theRoot)
				s[theCell+"/new"] = &resource.Container{Root: true, Image: "side:1"}
			}),
			host:    func(h *host) { h.prior.Records[theRoot].Status.Project = "" },
			summary: "Two root containers", path: theCell + "/new", detail: "has the root container " + string(theRoot),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := made(t)
			if tt.host != nil {
				tt.host(h)
			}
			desired := example(nil)
			if tt.edit != nil {
				s := specs{}
				for _, r := range desired.Resources() {
					s[r.Path] = r.Spec
				}
				desired = tt.edit(desired, s)
			}
			p, diags := h.new(desired, tt.opts)
			if p != nil {
				t.Errorf("there is a plan:\n%s", text(p))
			}
			wantError(t, diags, tt.summary, tt.path, tt.detail)
			if r := desired.Resource(tt.path); r != nil && !tt.opts.Destroy && !strings.Contains(tt.summary, "in the way") && tt.summary != "Namespace holds foreign containers" {
				if diags[0].Subject.File != "main.hcl" {
					t.Errorf("the diagnostic has no place: %+v", diags[0])
				}
			}
		})
	}
}

func withSpecs(edit func(specs)) func(*resource.Tree, specs) *resource.Tree {
	return func(_ *resource.Tree, s specs) *resource.Tree {
		edit(s)
		return tree(s)
	}
}

func external(p resource.Path) func(*resource.Tree, specs) *resource.Tree {
	return func(t *resource.Tree, _ specs) *resource.Tree {
		t.Add(&resource.Resource{Path: p, Spec: resource.NewSpec(p.Kind()), External: true, Declared: resource.Range{File: "main.hcl"}})
		return t
	}
}

func wantError(t *testing.T, diags resource.Diagnostics, summary string, path resource.Path, detail string) {
	t.Helper()
	if !slices.ContainsFunc(diags, func(d resource.Diagnostic) bool {
		return d.Severity == resource.Error && d.Summary == summary && d.Path == path && strings.Contains(d.Detail, detail)
	}) {
		t.Errorf("diagnostics %+v\nwant %q about %s with %q", diags, summary, path, detail)
	}
	if len(diags) != 1 {
		t.Errorf("%d diagnostics, want one: %v", len(diags), diags)
	}
}

// A diagnostic about an attribute points at where it was written.
func TestDiagnosticsPointAtTheAttribute(t *testing.T) {
	h := newHost(t)
	h.actual.Controllers = nil
	h.actual.UnreadableSecrets = map[plan.SecretKey]string{{Container: theSide, Name: "key"}: "the environment variable KEY is not set"}
	desired := example(func(s specs) {
		container(s, theSide).Image = "missing:1"
		container(s, theSide).Secrets = []resource.Secret{{Name: "key"}}
		container(s, theSide).Resources = &resource.Resources{Memory: 1 << 20}
	})
	desired.Resource(theSide).Ranges = map[string]resource.Range{
		"image": {File: "image"}, "secrets": {File: "secrets"}, "resources.memory": {File: "memory"},
	}
	_, diags := h.new(desired, Options{})
	var files []string
	for _, d := range diags {
		files = append(files, d.Subject.File)
	}
	if got := strings.Join(files, " "); got != "memory secrets image" {
		t.Errorf("places: %s\n%v", got, diags)
	}
}

// flawed lets the host find that the image of the side container, which it has, lacks the container's user.
func flawed(h *host) {
	key := plan.ImageKey{Namespace: "kukeon-main", Reference: "side:1"}
	h.local[key] = true
	h.actual.Flaws = map[resource.Path][]plan.Flaw{theSide: {{Attribute: "user", Summary: "User not found", Text: "is to run as user app."}}}
}

// What is said of the image that the host has does not hold for the one that is pulled in its place.
func TestFlawsOfAnotherImage(t *testing.T) {
	h := made(t)
	flawed(h)
	h.plan(example(func(s specs) {
		container(s, theSide).User = "app"
		container(s, theSide).Image = "side:2"
	}), Options{})
}
