package planner

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

func TestOwnHosts(t *testing.T) {
	const local = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
	h := newHost(t)
	h.converge(example(func(s specs) {
		addCells(s, "db")
		root := container(s, theRoot)
		root.Hostname, root.Domainname = "front", "example.com"
		root.ExtraHosts = []string{"db:192.0.2.7", "gate:host-gateway", "six:[2001:db8::1]"}
	}), Options{})
	compare(t, h.hosts[theCell], local+`192.0.2.7 db
10.88.0.1 gate
2001:db8::1 six
10.88.0.3 front.example.com front
10.88.0.3 web web.blog
10.88.0.2 db.blog
`)
	// Neighbours don't learn them.
	compare(t, h.hosts["main/default/blog/db"], local+"10.88.0.2 db db.blog\n10.88.0.3 web web.blog\n")
}

// An attribute of the whole cell is that of its root container.
func TestConflictingNaming(t *testing.T) {
	h := newHost(t)
	h.converge(example(func(s specs) { container(s, theRoot).Hostname = "a" }), Options{})
	for name, change := range map[string]func(*resource.Container){
		"hostname": func(c *resource.Container) { c.Hostname = "b" },
		"dns":      func(c *resource.Container) { c.DNS = []string{"192.0.2.1"} },
	} {
		_, diags := h.new(example(func(s specs) { container(s, theRoot).Hostname = "a"; change(container(s, theSide)) }), Options{})
		if !diags.HasErrors() || !strings.Contains(diags.Error(), name+" of container "+string(theSide)) {
			t.Errorf("%s: %v", name, diags)
		}
	}
	h.converge(example(func(s specs) {
		for _, p := range []resource.Path{theRoot, theSide} {
			container(s, p).Hostname, container(s, p).DNS = "a", []string{"192.0.2.1"}
		}
	}), Options{})
}

// A cell with the network of the host has no part in its space, gets one when it leaves the host's, and none again.
func TestHostNetworkOfACell(t *testing.T) {
	onHost := func(s specs) {
		addCells(s, "db")
		container(s, theRoot).Network, container(s, theRoot).Ports = resource.NetworkHost, []string{"8080:80"}
	}
	h := newHost(t)
	h.converge(example(onHost), Options{})
	db := resource.Path("main/default/blog/db")
	if a := h.prior.Records[theCell].Status.Attachment; a.Mode != resource.NetworkHost || len(a.Interfaces)+len(a.Published) > 0 {
		t.Errorf("attachment %+v", a)
	}
	if strings.Contains(h.hosts[db], "web") {
		t.Errorf("its neighbour knows it: %s", h.hosts[db])
	}
	p := h.converge(example(func(s specs) { onHost(s); container(s, theRoot).Network = "" }), Options{})
	if c := p.ChangesByPath()[theRoot]; c == nil || c.Action != plan.Replace {
		t.Errorf("change %+v", c)
	}
	if a := h.prior.Records[theCell].Status.Attachment; a.Mode != "" || len(a.Interfaces) != 1 || len(a.Published) != 1 || !strings.Contains(h.hosts[db], "web") {
		t.Errorf("attachment %+v, names %s", a, h.hosts[db])
	}
	h.converge(example(onHost), Options{})
	if strings.Contains(h.hosts[db], "web") {
		t.Errorf("its neighbour still knows it: %s", h.hosts[db])
	}
}
