package resource

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLeaves(t *testing.T) {
	zero := int64(0)
	spec := &Container{
		Root: true, Image: "nginx", Args: []string{"b", "a"}, Env: Env{"B": "2", "A": "1"},
		Volumes:      []VolumeMount{{Source: "/s", Target: "/t"}, {Source: "/u", Target: "/v", ReadOnly: true}},
		Capabilities: &Capabilities{Add: []string{"NET_ADMIN"}}, StopTimeoutSeconds: &zero, Devices: []string{},
		DependsOn: []Dependency{{Name: "a"}, {Name: "b", Condition: Healthy}},
		Common:    Common{Labels: map[string]string{`a"b`: "x"}, Resources: &Resources{Memory: 1 << 20, CPUs: 0.5}},
	}
	want := `root = true
image = nginx
args = [b a]
env["A"] = 1
env["B"] = 2
volumes["/t"] = true
volumes["/t"].source = /s
volumes["/v"] = true
volumes["/v"].source = /u
volumes["/v"].readOnly = true
capabilities.add["NET_ADMIN"] = true
stopTimeoutSeconds = 0
dependsOn["a"] = true
dependsOn["b"] = true
dependsOn["b"].condition = healthy
labels["a\"b"] = x
resources.memory = 1048576
resources.cpus = 0.5
`
	var got strings.Builder
	for _, leaf := range Leaves(spec) {
		switch leaf.Value.(type) {
		case string, bool, int64, float64, []string:
		default:
			t.Errorf("%s is a %T", leaf.Name, leaf.Value)
		}
		fmt.Fprintf(&got, "%s = %v\n", leaf.Name, leaf.Value)
		if top, _, _ := strings.Cut(leaf.Name, "["); strings.SplitN(top, ".", 2)[0] != leaf.Top.Name {
			t.Errorf("%s: Top is %s", leaf.Name, leaf.Top.Name)
		}
	}
	if got.String() != want {
		t.Errorf("leaves:\n%swant:\n%s", got.String(), want)
	}
	space := &Space{Network: &Network{Egress: &Egress{Default: EgressDeny, Allow: []EgressRule{{CIDR: "::/0", Ports: []string{"443", "53/udp"}}}}}}
	got.Reset()
	for _, leaf := range Leaves(space) {
		fmt.Fprintf(&got, "%s = %v\n", leaf.Name, leaf.Value)
	}
	want = `network.egress.default = deny
network.egress.allow["::/0"] = true
network.egress.allow["::/0"].ports["443"] = true
network.egress.allow["::/0"].ports["53/udp"] = true
`
	if got.String() != want {
		t.Errorf("leaves:\n%swant:\n%s", got.String(), want)
	}
	if leaves := Leaves(&Realm{}); leaves != nil {
		t.Errorf("an empty spec has leaves: %v", leaves)
	}
}

type flatLeaf struct {
	name  string
	value any
}

func flat(s Spec) []flatLeaf {
	var all []flatLeaf
	for _, leaf := range Leaves(s) {
		all = append(all, flatLeaf{leaf.Name, leaf.Value})
	}
	return all
}

func TestLeavesAreEqualExactlyIfSpecsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(Kinds).Draw(t, "kind")
		a := randomSpec(t, k, "a")
		b := clone(t, a)
		if rapid.Bool().Draw(t, "change one") {
			attr := rapid.SampledFrom(k.Attributes()).Draw(t, "changed attribute")
			field := attr.Field(reflect.ValueOf(b))
			field.SetZero()
			setRandom(t, attr, field)
		}
		if equal, same := reflect.DeepEqual(a, b), reflect.DeepEqual(flat(a), flat(b)); equal != same {
			t.Fatalf("specs equal: %v, leaves equal: %v\n%#v\n%#v\n%v\n%v", equal, same, a, b, flat(a), flat(b))
		}
		names := map[string]bool{}
		for _, leaf := range Leaves(a) {
			if names[leaf.Name] {
				t.Fatalf("two leaves are called %s", leaf.Name)
			}
			names[leaf.Name] = true
		}
	})
}

// clone copies s by way of JSON, which must lose nothing.
func clone(t rapid.TB, s Spec) Spec {
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	c := NewSpec(s.Kind())
	if err := json.Unmarshal(data, c); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return c
}

func TestSpecsOutliveJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := randomSpec(t, rapid.SampledFrom(Kinds).Draw(t, "kind"), "spec")
		c := clone(t, s)
		if !reflect.DeepEqual(flat(s), flat(c)) || !reflect.DeepEqual(s, c) {
			t.Fatalf("%#v became %#v", s, c)
		}
		if CreationDigest(s) != CreationDigest(c) {
			t.Fatal("the creation digest changed")
		}
	})
}

// Only values that force a replacement may change the creation digest: else a container whose limits were changed in
// place would look foreign; and all of it must, else a change would be missed.
func TestCreationDigestFollowsEffect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(Kinds).Draw(t, "kind")
		s := randomSpec(t, k, "spec")
		for _, a := range k.Attributes() {
			other := clone(t, s)
			field := a.Field(reflect.ValueOf(other))
			field.SetZero()
			setRandom(t, a, field)
			changed := !reflect.DeepEqual(replacing(s), replacing(other))
			if same := CreationDigest(s) == CreationDigest(other); same == changed {
				t.Fatalf("%s changed: %v, effect %s, digest the same: %v", a.Name, changed, a.Effect, same)
			}
		}
	})
}

// replacing returns the values that can't change while the resource lives.
func replacing(s Spec) map[string]any {
	m := map[string]any{}
	for _, leaf := range Leaves(s) {
		if leaf.Attribute.Effect == Replace {
			m[leaf.Name] = leaf.Value
		}
	}
	return m
}

// A digest is kept in labels and in the state: it must be the same in every release.
func TestCreationDigestGolden(t *testing.T) {
	spec := &Container{Image: DefaultImage, Args: []string{"a"}, Env: Env{"B": "<&>", "A": "1"}, Volumes: []VolumeMount{{Source: "/s", Target: "/t"}}}
	const want = "sha256:5437f6dd2807814750f99d3eac324d38d99199c9297f07be7d611bd2159386a8"
	if got := CreationDigest(spec); got != want {
		t.Errorf("CreationDigest = %s, want %s", got, want)
	}
}

func TestEnvJSON(t *testing.T) {
	tests := []struct {
		json string
		want Env
		err  string
	}{
		{json: `["B=2","A=1","C=a=b","D="]`, want: Env{"A": "1", "B": "2", "C": "a=b", "D": ""}},
		{json: `{"A":"1","B":""}`, want: Env{"A": "1", "B": ""}},
		{json: `[]`, want: Env{}},
		{json: `["A"]`, err: "NAME=value"},
		{json: `["=x"]`, err: "NAME=value"},
		{json: `[1]`, err: "cannot unmarshal"},
		{json: `{"A":1}`, err: "cannot unmarshal"},
		{json: `"A=1"`, err: "cannot unmarshal"},
	}
	for _, tt := range tests {
		var got Env
		err := json.Unmarshal([]byte(tt.json), &got)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: error %v, want %q", tt.json, err, tt.err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s = %v, %v; want %v", tt.json, got, err, tt.want)
		}
	}
	if data, err := json.Marshal(Env{"B": "2", "A": "x y"}); string(data) != `["A=x y","B=2"]` || err != nil {
		t.Errorf("written as %s, %v", data, err)
	}
}

func TestDiagnostics(t *testing.T) {
	var ds Diagnostics
	ds.Warnf(Range{}, "", "Odd", "")
	if ds.HasErrors() {
		t.Error("a warning is an error")
	}
	ds.Errorf(Range{File: "a.hcl", Start: Pos{Line: 3, Column: 7}}, "main", "Bad", "because of %d", 1)
	ds.Errorf(Range{File: "b.hcl"}, "main", "Worse", "x")
	if want := "Odd\na.hcl:3:7: Bad: because of 1\nb.hcl: Worse: x"; ds.Error() != want || !ds.HasErrors() {
		t.Errorf("Error() = %q, want %q", ds.Error(), want)
	}
}

// Every leaf is found by its name, with a name in HCL whose words are those of its attributes.
func TestLeafAttribute(t *testing.T) {
	c := &Container{
		RestartPolicy: "always", Env: Env{"A.B[\"x\"]": "1"}, Volumes: []VolumeMount{{Source: "/a", Target: "/d.e", ReadOnly: true}},
		Capabilities: &Capabilities{Add: []string{"NET_ADMIN"}}, Common: Common{Resources: &Resources{Memory: 1 << 20, MemorySwap: 1 << 21}},
	}
	want := map[string]string{
		"restartPolicy": "restart_policy", `env["A.B[\"x\"]"]`: `env["A.B[\"x\"]"]`, `volumes["/d.e"]`: `volume["/d.e"]`,
		`volumes["/d.e"].source`: `volume["/d.e"].source`, `volumes["/d.e"].readOnly`: `volume["/d.e"].read_only`,
		`capabilities.add["NET_ADMIN"]`: `capabilities.add["NET_ADMIN"]`, "resources.memory": "resources.memory", "resources.memorySwap": "resources.memory_swap",
	}
	leaves := Leaves(c)
	if len(leaves) != len(want) {
		t.Errorf("leaves %v", leaves)
	}
	for _, leaf := range leaves {
		if a, name := KindContainer.LeafAttribute(leaf.Name); a != leaf.Attribute || name != want[leaf.Name] {
			t.Errorf("%s: %v, %q; want %q", leaf.Name, a, name, want[leaf.Name])
		}
	}
	for _, name := range []string{"", "none", "image.", "image[", `image["a"`, `image["a"]b`, "published[\"80\"]", "resources.none", "image.none"} {
		if a, text := KindContainer.LeafAttribute(name); a != nil || text != "" {
			t.Errorf("%q: %v, %q", name, a, text)
		}
	}
}
