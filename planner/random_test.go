package planner

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// The names that random configurations are made of: few, so that two of them have much in common.
var (
	randomRealms     = []resource.Path{"r", "r-2"}
	randomBelow      = []string{"s", "s/k", "s/k/c", "s/k/c-1", "t", "t/k", "t/k/c"}
	randomContainers = []string{"a", "b", "c-d", "d"}
)

// generator draws a configuration that the language would accept.
type generator struct {
	*rapid.T
	label string
	tree  *resource.Tree
}

// randomTree draws a configuration out of few names, so that two of them have much in common.
func randomTree(t *rapid.T, label string) *resource.Tree {
	g := &generator{t, label, resource.NewTree()}
	for _, name := range randomRealms {
		// A configuration without any realm says nothing about realms: r is always there.
		if name != "r" && !g.chance("has", name) {
			continue
		}
		spec := randomSpec(t, resource.KindRealm).(*resource.Realm)
		spec.Namespace = rapid.SampledFrom([]string{"", "", "ns-" + string(name)}).Draw(t, "namespace")
		g.add(name, spec)
		g.volumes(name)
		for _, below := range randomBelow {
			p := name + "/" + resource.Path(below)
			if g.tree.Resource(p.Parent()) == nil || !g.chance("has", p) {
				continue
			}
			spec := randomSpec(t, p.Kind())
			g.add(p, spec)
			switch spec := spec.(type) {
			case *resource.Space:
				g.space(p, spec)
			case *resource.Cell:
				g.cell(p, spec)
			}
			if resource.KindVolume.BelongsIn(p) {
				g.volumes(p)
			}
		}
		g.attach(name)
	}
	g.cellDependencies()
	g.mounts()
	return g.tree
}

func (g *generator) chance(what string, p resource.Path) bool {
	return rapid.IntRange(0, 3).Draw(g.T, fmt.Sprintf("%s: %s %s", g.label, what, p)) > 0
}

// rarely is true one time in four.
func (g *generator) rarely(what string) bool { return rapid.IntRange(0, 3).Draw(g.T, what) == 0 }

func (g *generator) add(p resource.Path, spec resource.Spec) {
	g.tree.Add(&resource.Resource{Path: p, Spec: spec, Declared: resource.Range{File: g.label}})
}

// number is another one for each path of a container: what must be distinct is made of it.
func number(p resource.Path) int {
	names := p.Names()
	n := 10*slices.Index(randomRealms, p.Realm()) + slices.Index(randomBelow, strings.Join(names[1:min(len(names), 4)], "/"))
	if p.Kind() == resource.KindContainer {
		return 10*n + slices.Index(randomContainers, p.Name())
	}
	return n
}

// space gives a space a network now and then; a fixed subnet is one of two of its own.
func (g *generator) space(p resource.Path, spec *resource.Space) {
	spec.Network = rapid.SampledFrom([]*resource.Network{
		nil, nil, {Internal: true},
		{Subnet: fmt.Sprintf("10.50.%d.0/24", number(p))}, {Subnet: fmt.Sprintf("10.51.%d.0/28", number(p))},
		{Subnet6: resource.SubnetAuto}, {Subnet6: fmt.Sprintf("fd00:%d::/64", number(p))},
		{Egress: &resource.Egress{Default: resource.EgressDeny, Allow: []resource.EgressRule{{CIDR: "192.0.2.0/24"}}}},
	}).Draw(g.T, "network")
}

func (g *generator) cell(p resource.Path, spec *resource.Cell) {
	space := g.tree.Resource(p.Space()).Spec.(*resource.Space)
	if space.Network != nil && space.Network.Subnet != "" && g.rarely("address") {
		base, _, _ := strings.Cut(space.Network.Subnet, ".0/")
		spec.Address = fmt.Sprintf("%s.%d", base, 10+slices.Index(randomBelow, strings.Join(p.Names()[1:], "/"))%4)
	}
	if space.Network != nil && strings.HasPrefix(space.Network.Subnet6, "fd00:") && g.rarely("address6") {
		base, _, _ := strings.Cut(space.Network.Subnet6, "/")
		spec.Address6 = fmt.Sprintf("%s%x", base, 0x10+slices.Index(randomBelow, strings.Join(p.Names()[1:], "/"))%4)
	}
	names := rapid.Permutation(randomContainers).Draw(g.T, "names")
	names = names[:rapid.IntRange(0, len(names)).Draw(g.T, "containers")]
	made := map[string]*resource.Container{}
	for i, name := range names { // the first is the root, each may depend on those before it
		c := randomSpec(g.T, resource.KindContainer).(*resource.Container)
		made[name] = c
		c.Root = i == 0
		if !c.Root { // it would contradict the root
			c.Naming = resource.Naming{}
		}
		c.Image = rapid.SampledFrom([]string{"x:1", "x:2", "y:1"}).Draw(g.T, "image")
		c.RestartPolicy = rapid.SampledFrom([]string{"", "", "no", "always", "on-failure:2"}).Draw(g.T, "restart policy")
		c.Healthcheck = rapid.SampledFrom([]*resource.Healthcheck{nil, nil, {Exec: []string{"true"}}, {TCP: "localhost:80"}}).Draw(g.T, "healthcheck")
		port := 8000 + number(p.Join(name))
		c.Ports = rapid.SampledFrom([][]string{nil, nil, {"80"}, {"53/udp"}, {fmt.Sprint(port, ":80")}, {fmt.Sprintf("127.0.0.1:%d:81", port), "90-92"}}).Draw(g.T, "ports")
		c.NetworksAliases = rapid.SampledFrom([][]string{nil, nil, {"alias-" + p.Name()}, {"more-" + p.Name(), "other-" + p.Name()}}).Draw(g.T, "aliases")
		for _, other := range names[:i] {
			if rapid.Bool().Draw(g.T, "depends") {
				c.DependsOn = append(c.DependsOn, resource.Dependency{Name: other, Condition: g.condition(made[other], !made[other].Root)})
			}
		}
		slices.SortFunc(c.DependsOn, func(a, b resource.Dependency) int { return strings.Compare(a.Name, b.Name) })
		g.add(p.Join(name), c)
	}
}

// condition draws one that the container can meet.
func (g *generator) condition(c *resource.Container, mayComplete bool) resource.Condition {
	conditions := []resource.Condition{""}
	if c.Healthcheck != nil {
		conditions = append(conditions, resource.Healthy)
	}
	if mayComplete && c.RestartPolicy != "always" {
		conditions = append(conditions, resource.Completed)
	}
	return rapid.SampledFrom(conditions).Draw(g.T, "condition")
}

// attach lets containers of a realm attach their cells to further spaces.
func (g *generator) attach(in resource.Path) {
	for _, r := range g.tree.Resources() {
		c, ok := r.Spec.(*resource.Container)
		if !ok || r.Path.Realm() != in || !g.rarely("attached") {
			continue
		}
		for _, space := range []resource.Path{in + "/s", in + "/t"} {
			if space != r.Path.Space() && g.tree.Resource(space) != nil {
				c.Networks = []string{space.Name()}
			}
		}
	}
}

// cellDependencies lets cells depend on each other, in no circle.
func (g *generator) cellDependencies() {
	var cells []resource.Path
	for _, r := range g.tree.Resources() {
		if r.Path.Kind() == resource.KindCell {
			cells = append(cells, r.Path)
		}
	}
	cells = rapid.Permutation(cells).Draw(g.T, "order of cells")
	for i, p := range cells {
		spec := g.tree.Resource(p).Spec.(*resource.Cell)
		spec.DependsOn = nil
		for _, other := range cells[:i] {
			if !g.rarely("depends") {
				continue
			}
			all, root := &resource.Container{}, &resource.Container{RestartPolicy: "always"}
			for _, r := range g.tree.Resources() {
				if c, ok := r.Spec.(*resource.Container); ok && r.Path.Parent() == other {
					if c.Root {
						root = c
					}
					if c.Healthcheck != nil {
						all.Healthcheck = c.Healthcheck
					}
				}
			}
			all.RestartPolicy = root.RestartPolicy
			spec.DependsOn = append(spec.DependsOn, resource.CellDependency{Name: string(other), Condition: g.condition(all, true)})
		}
		slices.SortFunc(spec.DependsOn, func(a, b resource.CellDependency) int { return strings.Compare(a.Name, b.Name) })
	}
}

// chosen are the attributes that a generator gives values of its own.
var chosen = []string{"ports", "networks", "networksAliases", "restartPolicy", "healthcheck", "dependsOn", "address", "address6", "network", "volumes", "reclaimPolicy", "path", "driverOpts"}

// randomSpec draws a spec with a few of the attributes that this version can carry out.
func randomSpec(t *rapid.T, k resource.Kind) resource.Spec {
	s := resource.NewSpec(k)
	attrs := slices.DeleteFunc(slices.Clone(k.Attributes()), func(a *resource.Attribute) bool { return slices.Contains(chosen, a.Name) })
	for _, a := range rapid.SliceOfN(rapid.SampledFrom(attrs), 0, 2).Draw(t, "attributes") {
		setRandom(t, a, a.Field(reflect.ValueOf(s)))
	}
	return s
}

// random returns a text that keeps the rule, where planning relies on it, for each of the words p and q.
func random(rule, word string) string {
	last := strings.Index("pq", word) + 1
	switch rule {
	case "sealed":
		return sealed(word)
	case "resolver":
		return fmt.Sprint("192.0.2.", last)
	case "extrahost":
		return fmt.Sprint(word, ":192.0.2.", last)
	case "networkmode":
		return map[string]string{"p": resource.NetworkHost, "q": resource.NetworkNone}[word]
	case "mac":
		return fmt.Sprint("02:00:00:00:00:0", last)
	}
	return word
}

func setRandom(t *rapid.T, a *resource.Attribute, v reflect.Value) {
	word := rapid.SampledFrom([]string{"p", "q"})
	words := rapid.SampledFrom([][]string{{"p"}, {"q"}, {"p", "q"}})
	values := rapid.SampledFrom([]string{"p", "q", sealed("p"), sealed("q")})
	number := rapid.Int64Range(1, 2)
	switch a.Type {
	case resource.TypeString:
		v.SetString(random(a.Check, word.Draw(t, a.Name)))
	case resource.TypeBool:
		v.SetBool(rapid.Bool().Draw(t, a.Name))
	case resource.TypeFloat:
		v.SetFloat(rapid.SampledFrom([]float64{0.5, 2}).Draw(t, a.Name))
	case resource.TypeInt, resource.TypeBytes:
		n := number.Draw(t, a.Name)
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.ValueOf(&n))
		} else {
			v.SetInt(n)
		}
	case resource.TypeList, resource.TypeSet:
		list := slices.Clone(words.Draw(t, a.Name))
		for i := range list {
			list[i] = random(a.Check, list[i])
		}
		v.Set(reflect.ValueOf(list))
	case resource.TypeMap, resource.TypePairs:
		v.Set(reflect.ValueOf(map[string]string{word.Draw(t, "key"): values.Draw(t, "value")}).Convert(v.Type()))
	case resource.TypeObject:
		object := reflect.New(v.Type().Elem())
		f := rapid.SampledFrom(a.Fields).Draw(t, a.Name)
		setRandom(t, f, f.Field(object))
		if r, ok := object.Interface().(*resource.Resources); ok && r.MemorySwap != 0 {
			r.Memory = r.MemorySwap
		}
		v.Set(object)
	case resource.TypeObjects:
		v.SetZero()
		for _, key := range words.Draw(t, a.Name) {
			element := reflect.New(v.Type().Elem()).Elem()
			for _, f := range a.Fields {
				setRandom(t, f, f.Field(element))
			}
			resource.FindAttribute(a.Fields, a.Key).Field(element).SetString(key)
			v.Set(reflect.Append(v, element))
		}
	default:
		t.Fatalf("no random value for type %s", a.Type)
	}
}

// drift does to the host what kuke didn't.
func (h *host) drift(t *rapid.T) {
	for _, p := range h.prior.Paths() {
		which := rapid.IntRange(0, 12).Draw(t, "drift of "+string(p))
		if r := h.prior.Records[p]; p.Kind() == resource.KindContainer {
			h.driftContainer(t, r, which)
		} else if p.IsVolume() {
			if name := p.Name(); which == 0 && (name == "v" || name == "w") {
				delete(h.places, r.Status.Volume.Place)
			}
		} else {
			h.driftLevel(r, which)
		}
	}
}

func (h *host) driftContainer(t *rapid.T, r *state.Record, which int) {
	c := h.actual.Container(r.Status.Namespace, r.Status.ContainerID)
	if c == nil {
		return
	}
	switch which {
	case 0:
		delete(h.actual.Namespaces[r.Status.Namespace].Containers, c.ID)
	case 1:
		h.actual.Cgroups[r.Status.Cgroup] = resource.Resources{Memory: 77}
	case 2:
		c.RestartPolicy = ""
	case 3:
		c.Status, c.NetNS = rapid.SampledFrom([]plan.TaskStatus{plan.TaskNone, plan.TaskCreated, plan.TaskStopped, plan.TaskUnknown}).Draw(t, "status"), 0
	case 4:
		if c.NetNS != 0 && !r.Spec.(*resource.Container).Root {
			h.netns++
			c.NetNS = h.netns
		}
	case 5:
		c.Labels = map[string]string{plan.LabelPath: string(r.Path), plan.LabelSpecDigest: "other"}
	case 6: // a manifest was lost, or a crash came between making and recording
		delete(h.prior.Records, r.Path)
	case 7:
		c.Status, c.ExitCode, c.NetNS = plan.TaskStopped, rapid.SampledFrom([]uint32{0, 1}).Draw(t, "exit code"), 0
	case 8:
		unhealthy := *r
		unhealthy.Status.Health = &state.Health{State: state.Unhealthy, Detail: "refused"}
		h.prior.Records[r.Path] = &unhealthy
	}
}

func (h *host) driftLevel(r *state.Record, which int) {
	p := r.Path
	switch which {
	case 0:
		if p.Kind() == resource.KindRealm {
			delete(h.actual.Namespaces, r.Status.Namespace)
			maps.DeleteFunc(h.local, func(k plan.ImageKey, _ bool) bool { return k.Namespace == r.Status.Namespace })
		}
	case 1:
		h.actual.Cgroups[r.Status.Cgroup] = resource.Resources{Memory: 77}
	case 2:
		delete(h.actual.Cgroups, r.Status.Cgroup)
	}
	switch p.Kind() {
	case resource.KindSpace:
		if which == 3 {
			h.spaceDrift[p] = []string{"changed outside of kuke: its bridge is gone"}
		}
	case resource.KindCell:
		h.driftCell(p, which)
	}
}

func (h *host) driftCell(p resource.Path, which int) {
	pin := h.pins[p]
	switch which {
	case 3:
		delete(h.pins, p)
	case 4:
		if pin != 0 {
			h.netns++
			h.pins[p] = h.netns
		}
	case 5:
		delete(h.interfaces[pin], "eth0")
	case 6:
		if h.interfaces[pin]["eth0"] != "" {
			h.interfaces[pin]["eth0"] = "192.0.2.1/24"
		}
	case 7:
		h.hosts[p] = "127.0.0.1 localhost\n"
	case 8:
		delete(h.published, p)
	}
}

// reboot takes away what does not outlive one.
func (h *host) reboot() {
	clear(h.pins)
	clear(h.published)
	clear(h.interfaces)
	clear(h.actual.Cgroups)
	for p := range h.networks {
		h.spaceDrift[p] = []string{"changed outside of kuke: its bridge is gone"}
	}
	for _, ns := range h.actual.Namespaces {
		for _, c := range ns.Containers {
			c.Status, c.NetNS, c.PID = plan.TaskNone, 0, 0
		}
	}
}

// checkConverged makes sure that the records are those desired and that nothing more is on the host.
func (h *host) checkConverged(desired *resource.Tree) {
	h.Helper()
	h.monitor()
	if left := h.plan(desired, Options{}); !left.Empty() || len(left.Changes) > 0 {
		h.Fatalf("there is still to do:\n%s", text(left))
	}
	count, lost := map[resource.Kind]int{}, 0
	in := newInput(desired, h.prior, h.actual, Options{}, nil)
	for _, r := range desired.Resources() {
		record := h.prior.Records[r.Path]
		if record == nil || !reflect.DeepEqual(record.Spec, r.Spec) {
			h.Fatalf("%s is recorded as %+v", r.Path, record)
		}
		count[r.Path.Kind()]++
		switch spec := r.Spec.(type) {
		case *resource.Container:
			c := h.actual.Container(record.Status.Namespace, record.Status.ContainerID)
			if c == nil || !in.hasEnded(r.Path, spec, c) && (c.Status != plan.TaskRunning || c.NetNS == 0 || c.NetNS != h.pins[r.Path.Parent()] || c.RestartPolicy != policyOf(record)) {
				h.Fatalf("%s is %+v", r.Path, c)
			}
			if _, ok := h.actual.Cgroups[record.Status.Cgroup]; !ok && c.Status == plan.TaskNone {
				lost++ // at a reboot, and not made again for one that has ended
			}
		case *resource.Cell:
			h.checkCell(record)
		case *resource.Space:
			if n := *record.Status.Network; n.Subnet != h.networks[r.Path].Subnet || spec.Network != nil && spec.Network.Subnet != "" && spec.Network.Subnet != n.Subnet {
				h.Fatalf("%s has the network %+v", r.Path, n)
			}
		}
	}
	volumes := h.checkVolumes(desired)
	containers := 0
	for _, ns := range h.actual.Namespaces {
		containers += len(ns.Containers)
	}
	if n := desired.Len() - count[resource.KindVolume]; len(h.prior.Records)-volumes != n || len(h.actual.Cgroups)+lost != n || len(h.actual.Namespaces) != count[resource.KindRealm] || containers != count[resource.KindContainer] {
		h.Fatalf("%d desired: %d records, cgroups %v, namespaces %v", n, len(h.prior.Records), slices.Sorted(maps.Keys(h.actual.Cgroups)), h.actual.Namespaces)
	}
	if len(h.networks) != count[resource.KindSpace] || len(h.hosts) != count[resource.KindCell] || len(h.pins) > count[resource.KindCell] {
		h.Fatalf("networks %v, files %v, pins %v", h.networks, h.hosts, h.pins)
	}
}

// checkCell makes sure that a cell is on the network as recorded.
func (h *host) checkCell(r *state.Record) {
	h.Helper()
	var cells []resource.Path
	for _, p := range h.prior.Paths() {
		if p.Kind() == resource.KindCell {
			cells = append(cells, p)
		}
	}
	a := r.Status.Attachment
	var names []plan.SpaceNames
	found := map[string]string{}
	for _, i := range a.Interfaces {
		found[i.Name] = i.Address
		if i.Address6 != "" {
			found[i.Name+"/6"] = i.Address6
		}
		names = append(names, plan.NamesIn(i.Space, cells, func(p resource.Path) *state.Attachment { return h.prior.Records[p].Status.Attachment }))
	}
	if want := plan.HostsFile(r.Path, a, names); h.hosts[r.Path] != want {
		h.Fatalf("%s has the /etc/hosts\n%s\nwant\n%s", r.Path, h.hosts[r.Path], want)
	}
	pin := h.pins[r.Path]
	if root := h.rootNetNS(r.Path); root != 0 && root != pin {
		h.Fatalf("%s has the pin %d and the root container's network namespace %d", r.Path, pin, root)
	}
	if pin != 0 && (!maps.Equal(h.interfaces[pin], found) || !slices.Equal(h.published[r.Path], a.Published)) {
		h.Fatalf("%s has the interfaces %v and ports %v, want %+v", r.Path, h.interfaces[pin], h.published[r.Path], a)
	}
	if spec := r.Spec.(*resource.Cell); spec.Address != "" && !strings.HasPrefix(a.Interfaces[0].Address, spec.Address+"/") {
		h.Fatalf("%s has the address %s", r.Path, a.Interfaces[0].Address)
	}
}

// The generator makes what configurations can hold, and all of it.
func TestRandomTreesHoldEverything(t *testing.T) {
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		for _, r := range randomTree(t, "main.hcl").Resources() {
			for _, leaf := range resource.Leaves(r.Spec) {
				seen[leaf.Top.Name] = true
			}
		}
	})
	for _, name := range chosen {
		if !seen[name] {
			t.Errorf("no random configuration sets %s", name)
		}
	}
}
