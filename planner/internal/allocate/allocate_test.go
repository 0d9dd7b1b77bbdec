package allocate

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// input returns that of new resources, all of which the plan owns.
func input(specs map[resource.Path]resource.Spec) Input {
	in := Input{
		Desired: resource.NewTree(), Prior: &state.State{Records: map[resource.Path]*state.Record{}}, Actual: &plan.Actual{},
		After: map[resource.Path]*state.Record{}, Owned: map[resource.Path]bool{},
	}
	for p, spec := range specs {
		in.Desired.Add(&resource.Resource{Path: p, Spec: spec})
		in.After[p] = &state.Record{Path: p, Spec: spec}
		in.Owned[p] = true
	}
	in.Paths = (&state.State{Records: in.After}).Paths()
	in.Names = state.HostNamesOf(in.Prior)
	return in
}

func TestSubnets(t *testing.T) {
	want := func(subnet string) *resource.Space {
		return &resource.Space{Network: &resource.Network{Subnet: subnet}}
	}
	for _, tt := range []struct {
		name   string
		a      *resource.Space
		edit   func(in *Input)
		subnet string
		err    string
	}{
		{name: "the first of the pool", a: &resource.Space{}, subnet: "10.88.0.0/24"},
		{name: "the one that is wanted", a: want("10.1.0.0/16"), subnet: "10.1.0.0/16"},
		{name: "another pool", a: &resource.Space{}, edit: func(in *Input) { in.Pool = netip.MustParsePrefix("10.2.0.0/25") }, subnet: "10.2.0.0/25"},
		{name: "behind a route", a: &resource.Space{}, edit: func(in *Input) {
			in.Actual.Routes = []plan.Route{{Prefix: netip.MustParsePrefix("10.88.0.128/25"), Device: "eth0"}}
		}, subnet: "10.88.1.0/24"},
		{name: "as recorded", a: &resource.Space{}, edit: func(in *Input) {
			in.Prior.Records["r/a"] = &state.Record{Path: "r/a", Spec: &resource.Space{}, Status: state.Status{Network: &state.Network{Subnet: "10.88.7.0/24"}}}
		}, subnet: "10.88.7.0/24"},
		{name: "as it was left", a: &resource.Space{}, edit: func(in *Input) {
			in.Left = map[resource.Path]*state.Network{"r/a": {Name: "kukeon-r-a", Bridge: "kuke-r-a", Subnet: "10.88.9.0/24"}}
		}, subnet: "10.88.9.0/24"},
		{name: "taken", a: want("10.1.0.0/16"), edit: func(in *Input) {
			in.Actual.Routes = []plan.Route{{Prefix: netip.MustParsePrefix("10.1.2.0/24"), Device: "eth0"}}
		}, err: "this host has a route through eth0"},
		{name: "none is free", a: &resource.Space{}, edit: func(in *Input) {
			in.Actual.Routes = []plan.Route{{Prefix: netip.MustParsePrefix("10.88.0.0/16"), Device: "eth0"}}
		}, err: "none of the pool 10.88.0.0/16 is free"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := input(map[resource.Path]resource.Spec{"r": &resource.Realm{}, "r/a": tt.a})
			if tt.edit != nil {
				tt.edit(&in)
			}
			networks, diags := Networks(in)
			if tt.err != "" {
				if networks["r/a"] != nil || !strings.Contains(diags.Error(), tt.err) {
					t.Errorf("network %+v, diagnostics %v", networks["r/a"], diags)
				}
				return
			}
			if n := networks["r/a"]; len(diags) > 0 || n == nil || n.Subnet != tt.subnet {
				t.Errorf("network %+v, diagnostics %v", n, diags)
			}
		})
	}
}

// The same input gives the same output, and stays as it is.
func TestPure(t *testing.T) {
	fresh := func() Input {
		in := input(map[resource.Path]resource.Spec{
			"r": &resource.Realm{}, "r/a": &resource.Space{}, "r/a/s": &resource.Stack{},
			"r/a/s/x": &resource.Cell{}, "r/a/s/x/c": &resource.Container{Root: true, Ports: []string{"80"}, NetworksAliases: []string{"web"}},
			"r/a/s/y": &resource.Cell{Address: "10.88.0.2"},
		})
		in.After["r/a"].Status.Network = &state.Network{Name: "kukeon-r-a", Subnet: "10.88.0.0/24", Gateway: "10.88.0.1"}
		return in
	}
	in := fresh()
	cells, diags := Cells(in)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	again, _ := Cells(in)
	if !reflect.DeepEqual(cells, again) || !reflect.DeepEqual(in, fresh()) {
		t.Errorf("first %+v, then %+v", cells, again)
	}
	x, y := cells["r/a/s/x"], cells["r/a/s/y"]
	if x.Interfaces[0].Address != "10.88.0.3/24" || y.Interfaces[0].Address != "10.88.0.2/24" {
		t.Errorf("x has %+v, y has %+v", x.Interfaces, y.Interfaces)
	}
	if !reflect.DeepEqual(x.Published, []string{"32768:80"}) || !reflect.DeepEqual(x.Names, []string{"x", "x.s", "web"}) {
		t.Errorf("x publishes %v and is called %v", x.Published, x.Names)
	}
}
