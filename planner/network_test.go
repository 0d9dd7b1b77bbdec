package planner

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

const (
	otherSpace = resource.Path("main/other")
	otherStack = resource.Path("main/other/x")
	otherCell  = resource.Path("main/other/x/db")
	otherRoot  = resource.Path("main/other/x/db/db")
)

// withOther adds another space with a cell, and changes the whole by edit.
func withOther(edit func(specs)) *resource.Tree {
	return example(func(s specs) {
		s[otherSpace], s[otherStack], s[otherCell] = &resource.Space{}, &resource.Stack{}, &resource.Cell{}
		s[otherRoot] = &resource.Container{Root: true, Image: "db:1"}
		if edit != nil {
			edit(s)
		}
	})
}

// addCells adds cells of one container each to the example's stack.
func addCells(s specs, names ...string) {
	for _, name := range names {
		s[theStack+"/"+resource.Path(name)] = &resource.Cell{}
		s[theStack+"/"+resource.Path(name)+"/main"] = &resource.Container{Root: true, Image: "side:1"}
	}
}

func (h *host) subnet(space resource.Path) string {
	return h.prior.Records[space].Status.Network.Subnet
}

func (h *host) attachment(cell resource.Path) *state.Attachment {
	return h.prior.Records[cell].Status.Attachment
}

// addresses spells the interfaces of a cell.
func (h *host) addresses(cell resource.Path) string {
	var all []string
	for _, i := range h.attachment(cell).Interfaces {
		all = append(all, fmt.Sprintf("%s %s %s", i.Name, i.Space, i.Address))
	}
	return strings.Join(all, ", ")
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

func space(s specs, p resource.Path, subnet string) {
	s[p].(*resource.Space).Network = &resource.Network{Subnet: subnet}
}

func TestSubnets(t *testing.T) {
	h := newHost(t)
	h.actual.Routes = []plan.Route{{Prefix: netip.MustParsePrefix("10.88.0.0/24"), Device: "docker0"}, {Prefix: netip.MustParsePrefix("10.88.2.128/25"), Device: "eth0"}}
	h.actual.CNINetworks = []plan.CNINetwork{{Name: "podman", File: "p.conflist", Subnets: []netip.Prefix{netip.MustParsePrefix("10.88.1.7/32")}}}
	h.converge(withOther(nil), Options{})
	wantText(t, "subnet", h.subnet(theSpace), "10.88.3.0/24")
	wantText(t, "subnet", h.subnet(otherSpace), "10.88.4.0/24")
	if n := h.prior.Records[theSpace].Status.Network; n.Gateway != "10.88.3.1" || n.Name != "kukeon-main-default" || n.File != "main-default.conflist" || n.Firewall == "" {
		t.Errorf("network %+v", n)
	}
	// Its own routes and its own configuration are nobody else's, and the subnet is kept when better ones get free.
	h.actual.Routes = []plan.Route{{Prefix: netip.MustParsePrefix("10.88.3.0/24"), Device: resource.BridgeName(theSpace)}}
	h.actual.CNINetworks = []plan.CNINetwork{{Name: "kukeon-main-default", Subnets: []netip.Prefix{netip.MustParsePrefix("10.88.3.0/24")}}}
	if p := h.plan(withOther(nil), Options{}); !p.Empty() {
		t.Errorf("plan:\n%s", text(p))
	}
	p := h.converge(withOther(func(s specs) {
		s["main/a"], s[theSpace].(*resource.Space).Labels = &resource.Space{}, map[string]string{"a": "b"}
	}), Options{SubnetPool: netip.MustParsePrefix("10.90.7.9/16")})
	wantText(t, "subnet from the pool", h.subnet("main/a"), "10.90.0.0/24")
	wantText(t, "changes", changesOf(p), "create main/a\nupdate main/default\n  labels[\"a\"]: <nil> -> b\n")
	// A realm that is replaced keeps what was chosen in it.
	before := h.addresses(theCell) + h.subnet(theSpace)
	h.converge(withOther(func(s specs) { s[theRealm].(*resource.Realm).Namespace = "new" }), Options{})
	wantText(t, "after the replacement", h.addresses(theCell)+h.subnet(theSpace), before)
}

func TestNetworkRefusals(t *testing.T) {
	fixed := func(subnet string) func(specs) { return func(s specs) { space(s, otherSpace, subnet) } }
	wants6 := func(subnet6, address6 string) func(specs) {
		return func(s specs) {
			s[otherSpace].(*resource.Space).Network = &resource.Network{Subnet6: subnet6}
			s[otherCell].(*resource.Cell).Address6 = address6
		}
	}
	pool := func(s string) Options { return Options{SubnetPool: netip.MustParsePrefix(s)} }
	tests := []struct {
		name    string
		edit    func(specs) // of the example, with another space, when the example was applied
		host    func(*host)
		opts    Options
		summary string
		path    resource.Path
		detail  string
	}{
		{name: "no IPv6 on the host", edit: wants6("fd00:1::/64", ""), host: func(h *host) { h.actual.NoIPv6 = "it is disabled" },
			summary: "No IPv6 on this host", path: otherSpace, detail: "it is disabled"},
		{name: "no IPv6 in the space", edit: wants6("", "fd00:1::9"), summary: "No IPv6 in the space", path: otherCell, detail: "fd00:1::9"},
		{name: "IPv6 subnet of a route", edit: wants6("fd00:1::/64", ""), host: func(h *host) {
			h.actual.Routes = []plan.Route{{Prefix: netip.MustParsePrefix("fd00:1::/48"), Device: "eth0"}}
		}, summary: "Subnet is taken", path: otherSpace, detail: "this host has a route through eth0, with fd00:1::/48"},
		{name: "fixed subnet of a route", edit: fixed("10.1.0.0/16"), host: func(h *host) {
			h.actual.Routes = []plan.Route{{Prefix: netip.MustParsePrefix("10.1.2.0/24"), Device: "eth0"}}
		}, summary: "Subnet is taken", path: otherSpace, detail: "this host has a route through eth0, with 10.1.2.0/24"},
		{name: "fixed subnet of a CNI network", edit: fixed("10.1.0.0/16"), host: func(h *host) {
			h.actual.CNINetworks = []plan.CNINetwork{{Name: "podman", File: "/p.conflist", Subnets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
		}, summary: "Subnet is taken", path: otherSpace, detail: "CNI network podman has it (/p.conflist)"},
		{name: "fixed subnet of another space", edit: fixed("10.88.0.128/25"), summary: "Subnet is taken", path: otherSpace, detail: "space main/default has it, with 10.88.0.0/24"},
		{name: "full pool", opts: pool("10.88.0.0/24"), summary: "No free subnet", path: otherSpace, detail: "none of the pool 10.88.0.0/24 is free (space main/default has it"},
		{name: "pool at the very end", opts: pool("255.255.255.0/24"), host: func(h *host) {
			h.actual.Routes = []plan.Route{{Prefix: netip.MustParsePrefix("255.255.255.0/24"), Device: "eth0"}}
		}, summary: "No free subnet", path: otherSpace, detail: "a route through eth0"},
		{name: "address outside of the subnet", edit: func(s specs) { s[otherCell].(*resource.Cell).Address = "10.9.9.9" }, summary: "Address outside of the subnet", path: otherCell, detail: "has the subnet 10.88.1.0/24"},
		{name: "address of the gateway", edit: func(s specs) { s[otherCell].(*resource.Cell).Address = "10.88.1.1" }, summary: "Address outside of the subnet", path: otherCell, detail: "is the gateway's"},
		{name: "address for broadcasts", edit: func(s specs) { s[otherCell].(*resource.Cell).Address = "10.88.1.255" }, summary: "Address outside of the subnet", path: otherCell},
		{name: "address of another cell", edit: func(s specs) {
			addCells(s, "b")
			s[theStack+"/b"].(*resource.Cell).Address = "10.88.0.2"
		}, summary: "Address is taken", path: theStack + "/b", detail: "which cell main/default/blog/web has"},
		{name: "full subnet", edit: func(s specs) {
			space(s, otherSpace, "10.1.0.0/30")
			s[otherStack+"/e"] = &resource.Cell{}
		}, summary: "No free address", path: otherStack + "/e", detail: "every one of 10.1.0.0/30 is taken"},
		{name: "name of a network", edit: func(s specs) { s["main-default"], s["main-default/x"] = &resource.Realm{}, &resource.Space{} }, host: func(h *host) {
			other := *h.prior.Records[theSpace]
			other.Path, other.Status.Cgroup = "main/default-x", "/kukeon/main/default-x"
			other.Status.Network = &state.Network{Subnet: "10.250.0.0/24", Gateway: "10.250.0.1"}
			other.Status.Network.Name, other.Status.Network.File, other.Status.Network.Bridge = resource.NetworkVariant(other.Path, 1)
			h.prior.Records[other.Path] = &other
		}, summary: "Network name is taken", path: "main-default/x", detail: "which space main/default-x has"},
		{name: "missing plugins", host: func(h *host) { h.actual.MissingPlugins = []string{"bridge", "iptables"} }, summary: "CNI plugins are missing", path: theSpace, detail: "lacks bridge, iptables: install"},
		{name: "port of a socket", edit: func(s specs) { container(s, otherRoot).Ports = []string{"8080:80"} }, host: func(h *host) {
			h.actual.Sockets = []plan.Socket{{Protocol: "udp", Addr: netip.IPv4Unspecified(), Port: 8080}, {Protocol: "tcp", Addr: netip.IPv6Unspecified(), Port: 8080}}
		}, summary: "Host port is taken", path: otherCell, detail: "publishes 8080:80, but something on this host listens on [::]:8080/tcp"},
		{name: "port of a socket on one address", edit: func(s specs) { container(s, otherRoot).Ports = []string{"127.0.0.1:8080:80"} }, host: func(h *host) {
			h.actual.Sockets = []plan.Socket{{Protocol: "tcp", Addr: netip.IPv6Unspecified(), Port: 8080}}
		}, summary: "Host port is taken", path: otherCell, detail: "listens on [::]:8080/tcp"},
		{name: "port of a foreign mapping", edit: func(s specs) { container(s, otherRoot).Ports = []string{"8080-8082:80-82"} }, host: func(h *host) {
			h.foreign = []plan.PortMapping{{Protocol: "tcp", First: 8070, Last: 8081, Network: "podman"}}
		}, summary: "Host port is taken", path: otherCell, detail: "CNI network podman publishes port 8070/tcp"},
		{name: "port of an unknown mapping", edit: func(s specs) { container(s, otherRoot).Ports = []string{"8080:80"} }, host: func(h *host) {
			h.foreign = []plan.PortMapping{{Protocol: "tcp", First: 8080, Last: 8080}}
		}, summary: "Host port is taken", path: otherCell, detail: "somebody else publishes port 8080/tcp"},
		{name: "port of two cells", edit: func(s specs) {
			container(s, theRoot).Ports, container(s, otherRoot).Ports = []string{"8080:80"}, []string{"127.0.0.1:8080:81"}
		}, summary: "Host port is taken", path: otherCell, detail: "but cell main/default/blog/web publishes 8080:80"},
		{name: "no such network", edit: func(s specs) { container(s, theSide).Networks = []string{"none"} }, summary: "No network", path: theCell, detail: "space main/none, which has no network"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := made(t)
			if tt.host != nil {
				tt.host(h)
			}
			p, diags := h.new(withOther(tt.edit), tt.opts)
			if p != nil {
				t.Errorf("there is a plan:\n%s", text(p))
			}
			wantError(t, diags, tt.summary, tt.path, tt.detail)
			if len(diags) > 0 && diags[0].Subject.File != "main.hcl" {
				t.Errorf("the diagnostic has no place: %+v", diags[0])
			}
		})
	}
}

// A socket that takes IPv6 only is no clash for a cell without IPv6.
func TestListenersOnIPv6(t *testing.T) {
	h := made(t)
	h.actual.Sockets = []plan.Socket{
		{Protocol: "tcp", Addr: netip.IPv6Unspecified(), Port: 8080, OnlyIPv6: true},
		{Protocol: "tcp", Addr: netip.IPv6LinkLocalAllNodes(), Port: 8080, OnlyIPv6: true},
	}
	h.converge(withOther(func(s specs) { container(s, otherRoot).Ports = []string{"8080:80"} }), Options{})
}

// A firewall that kuke can't change is told of once, at a space of the configuration.
func TestDroppingChains(t *testing.T) {
	h := made(t)
	h.actual.Dropping = []plan.DroppingChain{{Name: "table inet mine, chain passing", Fix: "nft insert rule …", Bridges: []string{resource.BridgeName(otherSpace), resource.BridgeName(theSpace)}}}
	for range 2 { // with and without changes
		_, diags := h.new(withOther(nil), Options{})
		if len(diags) != 1 || diags[0].Severity != resource.Warning || diags[0].Summary != "Packets are dropped" || diags[0].Path != theSpace ||
			!strings.Contains(diags[0].Detail, "Let the packets of cells pass: nft insert rule ….") {
			t.Errorf("diagnostics: %v", diags)
		}
		h.converge(withOther(nil), Options{})
	}
	h.actual.Dropping[0].Bridges = []string{"kuke-another"}
	if _, diags := h.new(withOther(nil), Options{}); len(diags) != 0 {
		t.Errorf("nothing of it is dropped: %v", diags)
	}
}

func TestAddresses(t *testing.T) {
	h := newHost(t)
	three := func(s specs) { addCells(s, "a", "b", "c") }
	h.converge(example(three), Options{})
	for name, want := range map[resource.Path]string{"a": "10.88.0.2/24", "b": "10.88.0.3/24", "c": "10.88.0.4/24", "web": "10.88.0.5/24"} {
		wantText(t, string(name), h.addresses(theStack+"/"+name), "eth0 main/default "+want)
	}
	// What goes has its address until it is gone, what stays keeps its own.
	h.converge(example(func(s specs) {
		addCells(s, "b", "d")
		container(s, theRoot).Image = "web:2"
	}), Options{})
	wantText(t, "a new cell", h.addresses(theStack+"/d"), "eth0 main/default 10.88.0.6/24")
	wantText(t, "replaced", h.addresses(theCell), "eth0 main/default 10.88.0.5/24")
	wantText(t, "untouched", h.addresses(theStack+"/b"), "eth0 main/default 10.88.0.3/24")
	h.converge(example(three), Options{})
	wantText(t, "a free one", h.addresses(theStack+"/a"), "eth0 main/default 10.88.0.2/24")
	// A cell that moves has its old address until it has moved.
	h.converge(example(func(s specs) {
		three(s)
		addCells(s, "e")
		s[theStack+"/a"].(*resource.Cell).Address = "10.88.0.99"
	}), Options{})
	wantText(t, "fixed", h.addresses(theStack+"/a"), "eth0 main/default 10.88.0.99/24")
	wantText(t, "beside one that moves", h.addresses(theStack+"/e"), "eth0 main/default 10.88.0.6/24")
	// An address that was fixed is kept when it no longer is.
	if p := h.converge(example(func(s specs) { three(s); addCells(s, "e") }), Options{}); len(p.Changes) != 1 {
		t.Errorf("plan:\n%s", text(p))
	}
	wantText(t, "no longer fixed", h.addresses(theStack+"/a"), "eth0 main/default 10.88.0.99/24")
}

func TestManyCells(t *testing.T) {
	edit := func(n int) func(specs) {
		return func(s specs) {
			for i := range n {
				s[theStack+resource.Path(fmt.Sprintf("/c%d", i))] = &resource.Cell{}
			}
		}
	}
	h := made(t)
	h.converge(example(edit(252)), Options{})
	_, diags := h.new(example(edit(253)), Options{})
	wantError(t, diags, "No free address", theStack+"/c252", "every one of 10.88.0.0/24 is taken: give the space a larger subnet")
	before := h.addresses(theCell)
	h.converge(example(func(s specs) { edit(300)(s); space(s, theSpace, "10.88.0.0/22") }), Options{})
	wantText(t, "the cell", h.addresses(theCell), strings.Replace(before, "/24", "/22", 1))
}

func TestFurtherNetworks(t *testing.T) {
	attach := func(names ...string) func(specs) {
		return func(s specs) {
			s["main/third"], container(s, theSide).Networks = &resource.Space{}, names
		}
	}
	h := newHost(t)
	h.converge(withOther(attach("third")), Options{})
	wantText(t, "one more", h.addresses(theCell), "eth0 main/default 10.88.0.2/24, eth1 main/third 10.88.2.2/24")
	p := h.converge(withOther(attach("other", "third")), Options{})
	wantText(t, "two more", h.addresses(theCell), "eth0 main/default 10.88.0.2/24, eth2 main/other 10.88.1.3/24, eth1 main/third 10.88.2.2/24")
	compare(t, changesOf(p), `
update main/default/blog/web
  networks["other"]: <nil> -> 10.88.1.3/24
update main/default/blog/web/side
  networks["other"]: <nil> -> true
`)
	h.converge(withOther(attach("other")), Options{})
	wantText(t, "one less", h.addresses(theCell), "eth0 main/default 10.88.0.2/24, eth2 main/other 10.88.1.3/24")
	// The space can go once the cell is out of it.
	p = h.converge(example(nil), Options{})
	wantOrder(t, p, "update main/default/blog/web", "delete main/other")
	wantText(t, "none", h.addresses(theCell), "eth0 main/default 10.88.0.2/24")
}

func TestSubnetChangeMovesCells(t *testing.T) {
	attached := func(s specs) { container(s, otherRoot).Networks = []string{"default"} }
	h := newHost(t)
	h.converge(withOther(attached), Options{})
	p := h.plan(withOther(func(s specs) { attached(s); space(s, theSpace, "10.7.0.0/28") }), Options{Targets: []resource.Path{theSpace}})
	compare(t, text(p), `
update main/default
  network.subnet: <nil> -> 10.7.0.0/28
  subnet: 10.88.0.0/24 -> 10.7.0.0/28
update main/default/blog/web
  networks["default"]: 10.88.0.2/24 -> 10.7.0.2/28
update main/other/x/db
  networks["default"]: 10.88.0.3/24 -> 10.7.0.3/28
--
0 update main/default
1 update main/default/blog/web after [0]
2 update main/other/x/db after [0]
`)
	h.converge(withOther(func(s specs) { attached(s); space(s, theSpace, "10.7.0.0/28") }), Options{Targets: []resource.Path{theSpace}})
	// Where another project's cell would be left behind, it is refused.
	for _, p := range []resource.Path{otherSpace, otherStack, otherCell, otherRoot} {
		h.prior.Records[p].Status.Project = "base"
	}
	_, diags := h.new(example(func(s specs) { space(s, theSpace, "10.8.0.0/28") }), Options{})
	wantError(t, diags, "Space is in use", theSpace, "cell main/other/x/db, which can't be changed here, has an address in 10.7.0.0/28")
	_, diags = h.new(nil, Options{Destroy: true, Targets: []resource.Path{theSpace}})
	wantError(t, diags, "Space is in use", theSpace, "is to be deleted, but cell main/other/x/db, which stays, is attached to it")
}

// A port may be published on an address that the host has only at times.
// IPv6 of a space comes, moves and goes while its cells run, and they keep their addresses of IPv4.
func TestIPv6(t *testing.T) {
	h := newHost(t)
	h.converge(withOther(nil), Options{})
	with := func(subnet6, address6 string) *resource.Tree {
		return withOther(func(s specs) {
			s[theSpace].(*resource.Space).Network = &resource.Network{Subnet6: subnet6}
			s[theCell].(*resource.Cell).Address6 = address6
		})
	}
	before := h.addresses(theCell)
	for _, test := range []struct{ subnet6, address6, want string }{
		{"fd00:1::/64", "fd00:1::7", "fd00:1::7/64"},
		{resource.SubnetAuto, "", "fd00:1::7/64"},
		{"fd00:1::/64", "", "fd00:1::7/64"},
		{"fd00:1::/64", "fd00:1::9", "fd00:1::9/64"},
		{resource.SubnetAuto, "", "fd00:1::9/64"}, // the space keeps its subnet
		{"", "", ""},
		{"fd00:2::/125", "", "fd00:2::2/125"},
	} {
		h.converge(with(test.subnet6, test.address6), Options{})
		wantText(t, "IPv6 address", h.attachment(theCell).Interfaces[0].Address6, test.want)
		wantText(t, "addresses of IPv4", h.addresses(theCell), before)
	}
}

func TestPublishedOnNoAddress(t *testing.T) {
	h := newHost(t)
	h.actual.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.7")}
	_, diags := h.new(withOther(func(s specs) {
		container(s, theRoot).Ports = []string{"192.0.2.7:80:80", "127.0.0.2:81:80", "0.0.0.0:82:80", "83:80"}
		container(s, otherRoot).Ports = []string{"192.0.2.8:80:80"}
	}), Options{})
	if len(diags) != 1 || diags.HasErrors() || diags[0].Path != otherCell ||
		!strings.Contains(diags[0].Detail, "no interface of this host has the address 192.0.2.8: nothing is served there until one has. Its addresses are 127.0.0.1, 192.0.2.7.") {
		t.Errorf("diagnostics %v", diags)
	}
}

func TestPublishedPorts(t *testing.T) {
	published := func(h *host, cell resource.Path) string { return strings.Join(h.attachment(cell).Published, " ") }
	open := func(s specs) {
		container(s, theSide).Ports = []string{"80", "53/udp", "90-92"}
		container(s, theRoot).Ports = []string{"80", "127.0.0.1:8080:8080"}
		container(s, otherRoot).Ports = []string{"80"}
	}
	h := newHost(t)
	h.actual.Sockets = []plan.Socket{{Protocol: "tcp", Addr: netip.MustParseAddr("127.0.0.1"), Port: 32769}}
	h.foreign = []plan.PortMapping{{Protocol: "tcp", First: 32773, Last: 32774}}
	p := h.converge(withOther(open), Options{})
	wantText(t, "chosen", published(h, theCell), "127.0.0.1:8080:8080 32768:53/udp 32768:80 32770-32772:90-92")
	wantText(t, "chosen", published(h, otherCell), "32775:80")
	if c := p.ChangesByPath()[otherCell]; !slices.Contains(c.Diffs, plan.Diff{Name: `published["32775:80"]`, After: true, Computed: true}) {
		t.Errorf("differences %+v", c.Diffs)
	}
	h.actual.Sockets, h.foreign = nil, nil
	h.converge(withOther(func(s specs) { open(s); container(s, theRoot).Image = "web:2" }), Options{})
	wantText(t, "kept", published(h, otherCell), "32775:80")
	// Who names a port of the host comes before who has one by chance.
	h.converge(withOther(func(s specs) { open(s); addCells(s, "z"); container(s, theStack+"/z/main").Ports = []string{"32775:1"} }), Options{})
	wantText(t, "moved", published(h, otherCell), "32769:80")
	p = h.converge(withOther(nil), Options{})
	compare(t, changesOf(&plan.Plan{Changes: []*plan.Change{p.ChangesByPath()[otherCell]}}), `
update main/other/x/db
  published["32769:80"]: true -> <nil>
`)
}

// A space above the targets loses its IPv6, and a cell that left the configuration, which the targets leave alone, its address.
func TestIPv6OfCellOutsideOfTargets(t *testing.T) {
	h := newHost(t)
	h.converge(example(func(s specs) {
		s[theSpace].(*resource.Space).Network = &resource.Network{Subnet6: "fd00:1::/64"}
		s[theCell].(*resource.Cell).Address6 = "fd00:1::7"
	}), Options{})
	const other = theSpace + "/other"
	h.converge(example(func(s specs) {
		for _, p := range []resource.Path{theStack, theCell, theRoot, theSide} {
			delete(s, p)
		}
		s[other] = &resource.Stack{}
	}), Options{Targets: []resource.Path{other}})
	cell := h.prior.Records[theCell]
	if cell == nil || len(cell.Status.Attachment.Interfaces) != 1 || cell.Status.Attachment.Interfaces[0].Address6 != "" {
		t.Errorf("the cell is %+v", cell)
	}
}
