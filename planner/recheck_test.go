package planner

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// What a plan took for granted about the host must still be so, and the same checks find what isn't.
func TestCheckHost(t *testing.T) {
	const needs = "main/other/x/needs/root"
	desired := func() *resource.Tree {
		return example(func(s specs) {
			s[theRealm].(*resource.Realm).Resources = &resource.Resources{PIDs: 100}
			s["main/other"], s["main/other/x"] = &resource.Space{Network: &resource.Network{Subnet: "10.99.0.0/24"}}, &resource.Stack{}
			s["main/other/x/needs"] = &resource.Cell{}
			s[needs] = &resource.Container{
				Root: true, Image: "web:9", Ports: []string{"8080:80"}, Volumes: []resource.VolumeMount{{Source: "/srv", Target: "/srv"}}, Devices: []string{"/dev/fuse"},
				RestartPolicy: "on-failure",
			}
			s[theSide+"-2"] = &resource.Container{Image: "side:2", SecurityOpts: []string{"apparmor=other"}}
			container(s, theSide).Image = "side:2"
		})
	}
	socket := plan.Socket{Protocol: "tcp", Addr: netip.MustParseAddr("127.0.0.1"), Port: 8080}
	for _, tt := range []struct {
		name   string
		change func(*host)
		err    string
	}{
		{"nothing", func(*host) {}, ""},
		{"another port", func(h *host) { h.actual.Sockets = []plan.Socket{{Protocol: "tcp", Addr: socket.Addr, Port: 8081}} }, ""},
		{"a listener", func(h *host) { h.actual.Sockets = []plan.Socket{socket} }, "Host port is taken: cell main/other/x/needs publishes 8080:80, but something on this host listens on 127.0.0.1:8080/tcp"},
		{"a published port", func(h *host) {
			h.foreign = []plan.PortMapping{{Protocol: "tcp", First: 8080, Last: 8080, Network: "podman"}}
		}, "CNI network podman publishes port 8080/tcp"},
		{"a volume's source", func(h *host) { h.actual.MissingPaths["/srv"] = true }, "Volume source is missing"},
		{"a device", func(h *host) { h.actual.MissingPaths["/dev/fuse"] = true }, "Device is missing"},
		{"a chosen subnet is taken", func(h *host) {
			h.actual.Routes = []plan.Route{{Prefix: netip.MustParsePrefix("10.99.0.128/25"), Device: "eth1"}}
		}, "Subnet is taken: space main/other wants the subnet 10.99.0.0/24, but this host has a route through eth1"},
		{"an image is another", func(h *host) {
			h.actual.Images[plan.ImageKey{Namespace: "kukeon-main", Reference: "side:2"}] = plan.ImageStatus{Local: "sha256:other"}
		}, "Image has changed: image side:2 of containerd namespace kukeon-main was " + digestOf("side:2") + ", and is now sha256:other"},
		{"an image is gone", func(h *host) { delete(h.actual.Images, plan.ImageKey{Namespace: "kukeon-main", Reference: "side:2"}) }, "and is now gone"},
		{"an image that is pulled is another in the registry", func(h *host) {
			h.actual.Images[plan.ImageKey{Namespace: "kukeon-main", Reference: "web:9"}] = plan.ImageStatus{Remote: "sha256:other"}
		}, ""},
		{"a profile", func(h *host) { delete(h.actual.Profiles, "other") }, "AppArmor profile is not loaded: container main/default/blog/web/side-2 is to run under AppArmor profile other"},
		{"the default profile", func(h *host) { delete(h.actual.Profiles, resource.DefaultAppArmorProfile) }, "AppArmor profile is not loaded: container main/default/blog/web/side is to run under AppArmor profile kukeon-default"},
		{"AppArmor", func(h *host) { h.actual.Profiles = nil }, "AppArmor is not enforced"},
		{"a controller", func(h *host) { delete(h.actual.Controllers, "pids") }, "Limit can't be enforced"},
		{"the restart monitor", func(h *host) { h.actual.RestartPolicies = nil }, "Restart policy can't be kept"},
		{"a plugin", func(h *host) { h.actual.MissingPlugins = []string{"bridge"} }, "CNI plugins are missing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHost(t)
			confined(resource.DefaultAppArmorProfile)(h)
			h.converge(example(nil), Options{})
			h.local[plan.ImageKey{Namespace: "kukeon-main", Reference: "side:2"}] = true
			p := h.plan(desired(), Options{})
			if !slices.ContainsFunc(p.Images, func(i *plan.Image) bool { return !i.Pull && i.Reference == "side:2" }) {
				t.Fatalf("%+v", p.Images)
			}
			h.refresh(p.Wants())
			tt.change(h)
			h.actual.Mappings = append(h.actual.Mappings, h.foreign...)
			err := CheckHost(p, h.prior, h.actual)
			if tt.err == "" && err != nil || tt.err != "" && (!errors.Is(err, plan.ErrStale) || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), "plan again")) {
				t.Errorf("%v; want %q", err, tt.err)
			}
		})
	}
}

// The plan that loads the default profile needs a kernel that takes it.
func TestCheckHostLoads(t *testing.T) {
	h := newHost(t)
	confined()(h)
	p := h.plan(example(nil), Options{})
	if err := CheckHost(p, h.prior, h.actual); err != nil || len(p.Profiles) != 1 {
		t.Error(p.Profiles, err)
	}
	h.actual.Profiles = nil
	if err := CheckHost(p, h.prior, h.actual); err == nil || !strings.Contains(err.Error(), "AppArmor is not enforced") {
		t.Error(err)
	}
}

// What no state knows is only touched where its labels still make it what the plan says.
func TestCheckHostUnrecorded(t *testing.T) {
	for name, unrecord := range map[string]func(*host){
		"adopted": func(h *host) { delete(h.prior.Records, theSide) },
		"renamed": func(h *host) { h.renamed(theSide) },
	} {
		h := made(t)
		unrecord(h)
		p := h.plan(example(nil), Options{})
		h.refresh(p.Wants())
		if err := CheckHost(p, h.prior, h.actual); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c := p.ChangesByPath()[theSide]
		found := c.Before
		if c.Action == plan.Adopt {
			found = c.After
		}
		found.Status.ContainerID = "of-somebody-else"
		if err := CheckHost(p, h.prior, h.actual); !errors.Is(err, plan.ErrStale) || !strings.Contains(err.Error(), "which is not recorded, is not found") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is destroyed wants nothing of the host.
func TestCheckHostDestroy(t *testing.T) {
	h := made(t)
	p := h.plan(nil, Options{Destroy: true, Targets: []resource.Path{theSide}})
	h.refresh(p.Wants())
	h.actual.MissingPlugins, h.actual.Controllers, h.actual.RestartPolicies = []string{"bridge"}, nil, nil
	if err := CheckHost(p, h.prior, h.actual); err != nil {
		t.Error(err)
	}
}
