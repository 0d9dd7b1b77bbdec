package planner

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// rich returns a plan with every kind of change.
func rich(t testing.TB) *Plan {
	t.Helper()
	h := newHost(t)
	all := func(s specs) {
		for _, name := range []realm.Path{"a", "b", "d", "e"} {
			s[theCell+"/"+name] = &realm.Container{Image: "side:1"}
		}
	}
	h.converge(example(all), Options{})
	h.kill(theCell+"/a", 1)
	h.at(theCell + "/b").NetNS = 77
	delete(h.prior.Records, theCell+"/d")
	p := h.plan(example(func(s specs) {
		all(s)
		delete(s, theCell+"/e")
		s[theRealm].(*realm.Realm).Resources = &realm.Resources{CPUs: 2, Memory: 1 << 53, PIDs: 3}
		container(s, theSide).Args = []string{"x", "<&>"}
		s["main/new"] = &realm.Space{}
	}), Options{})
	actions := map[Action]bool{}
	for _, c := range p.Changes {
		actions[c.Action] = true
	}
	if len(actions) != 7 {
		t.Fatalf("not every kind of change:\n%s", text(p))
	}
	return p
}

func TestPlanFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan")
	p := rich(t)
	if err := p.Save(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	loaded, err := LoadPlan(file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(loaded, p) {
		t.Errorf("saved\n%s\nloaded\n%s", asJSON(t, p), asJSON(t, loaded))
	}
}

func TestStale(t *testing.T) {
	h := made(t)
	p := h.plan(example(nil), Options{})
	h.prior.Serial++
	if err := p.CheckFresh(h.prior); err != nil {
		t.Errorf("the serial alone makes a plan stale: %v", err)
	}
	h.prior.Records[theSide].Status.ImageDigest = "sha256:other"
	if err := p.CheckFresh(h.prior); !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), "plan again") {
		t.Errorf("CheckFresh = %v", err)
	}
}

func TestDamagedPlanFile(t *testing.T) {
	const head = `{"format":"kuke-plan","version":1,`
	realmRecord := `{"path":"main","spec":{},"status":{"namespace":"kukeon-main","cgroup":"/kukeon/main"}}`
	tests := []struct{ name, text, err string }{
		{"empty", "", "is not a plan"},
		{"garbage", "\x00{", "is not a plan"},
		{"null", "null", "is not a plan"},
		{"an array", "[]", "is not a plan"},
		{"something else", `{"format":"other","version":1}`, "is not a plan"},
		{"newer", `{"format":"kuke-plan","version":2,"changes":7}`, "has version 2"},
		{"wrong type", head + `"changes":7}`, "cannot unmarshal"},
		{"null change", head + `"changes":[null]}`, "change 0: it is missing"},
		{"no path", head + `"changes":[{"action":"create","after":` + realmRecord + `}]}`, "path is empty"},
		{"bad path", head + `"changes":[{"path":"../etc","action":"delete"}]}`, `"../etc"`},
		{"unknown action", head + `"changes":[{"path":"main","action":"explode"}]}`, `unknown action "explode"`},
		{"no record", head + `"changes":[{"path":"main","action":"replace","after":` + realmRecord + `}]}`, "lacks a record"},
		{"record of another", head + `"changes":[{"path":"other","action":"create","after":` + realmRecord + `}]}`, `has a record of "main"`},
		{"bad record", head + `"changes":[{"path":"main","action":"create","after":{"path":"main","spec":[]}}]}`, "cannot unmarshal"},
		{"record without spec", head + `"changes":[{"path":"main","action":"create","after":{"path":"main"}}]}`, "unexpected end"},
		{"null image", head + `"images":[null]}`, "image 0"},
		{"step without image", head + `"steps":[{"op":"image"}]}`, "step 0 has no image"},
		{"step without change", head + `"steps":[{"op":"create","path":"main"}]}`, "step 0 (create main) has no change"},
		{"step against its change", head + `"changes":[{"path":"main","action":"create","after":` + realmRecord + `}],"steps":[{"op":"delete","path":"main"}]}`, "has no change"},
		{"waits for itself", head + `"steps":[{"op":"image","image":{},"after":[0]}]}`, "step 0 waits for step 0"},
		{"waits for nothing", head + `"steps":[{"op":"image","image":{},"after":[-1]}]}`, "step 0 waits for step -1"},
		{"unknown operation", head + `"changes":[{"path":"main","action":"create","after":` + realmRecord + `}],"steps":[{"op":"explode","path":"main"}]}`, "step 0 (explode main) has no change"},
		{"start of a realm", head + `"changes":[{"path":"main","action":"start","before":` + realmRecord + `,"after":` + realmRecord + `}],"steps":[{"op":"start","path":"main"}]}`, `can't start a realm`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "plan")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			p, err := LoadPlan(file)
			if p != nil || err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), file) {
				t.Errorf("LoadPlan = %v, %v; want an error with %q", p, err, tt.err)
			}
		})
	}
	if _, err := LoadPlan(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

// A plan that was edited by hand is not carried out when what it shows is not what it does.
func TestEditedPlanFile(t *testing.T) {
	change := func(p *Plan, path realm.Path) *Change { return p.ChangesByPath()[path] }
	attachment := func(p *Plan) *state.Attachment { return change(p, otherCell).After.Status.Attachment }
	tests := []struct {
		name string
		edit func(*Plan)
		err  string
	}{
		{"another spec", func(p *Plan) { change(p, otherRoot).After.Spec.(*realm.Container).Privileged = true }, "does not change as the plan shows it"},
		{"another difference", func(p *Plan) { change(p, theSide).Diffs[0].After = "x:1" }, "does not change as the plan shows it"},
		{"a difference less", func(p *Plan) { change(p, theSide).Diffs = nil }, "does not change as the plan shows it"},
		{"a difference called computed", func(p *Plan) { change(p, theSide).Diffs[0].Computed = true }, "does not change as the plan shows it"},
		{"twice", func(p *Plan) { p.Changes = append(p.Changes, change(p, theSide)) }, "main/default/blog/web/side changes twice"},
		{"a claim to another container", func(p *Plan) { change(p, theSide).After.Status.ContainerID = "x" }, `lays claim to the container "x"`},
		{"a claim to another cgroup", func(p *Plan) { change(p, theSide).After.Status.Cgroup = "/" }, `lays claim to the cgroup "/"`},
		{"another namespace", func(p *Plan) { change(p, otherSpace).After.Status.Namespace = "" }, "has no containerd namespace"},
		{"not the realm's namespace", func(p *Plan) { change(p, otherSpace).After.Status.Namespace = "moby" }, "not in the containerd namespace of its realm"},
		{"another namespace of a realm", func(p *Plan) { change(p, theRealm).After.Status.Namespace = "moby" }, "is not what its configuration makes of it"},
		{"another bridge", func(p *Plan) { change(p, otherSpace).After.Status.Network.Bridge = "eth0" }, "is not that of main/other"},
		{"another file", func(p *Plan) { change(p, otherSpace).After.Status.Network.File = "../x" }, "is not that of main/other"},
		{"another gateway", func(p *Plan) { change(p, otherSpace).After.Status.Network.Gateway = "1.1.1.1" }, "the gateway \"1.1.1.1\""},
		{"another subnet", func(p *Plan) { change(p, otherSpace).After.Status.Network.Subnet = "x" }, "has the subnet \"x\""},
		{"a network of a stack", func(p *Plan) { change(p, otherStack).After.Status.Network = &state.Network{} }, "only a space has a network"},
		{"an attached stack", func(p *Plan) { change(p, otherStack).After.Status.Attachment = &state.Attachment{} }, "only a cell is attached"},
		{"another space", func(p *Plan) { attachment(p).Interfaces[0].Space = "main/default" }, "attached to \"main/default\""},
		{"a space that is none", func(p *Plan) { attachment(p).Interfaces[0].Space = "../.." }, "attached to \"../..\""},
		{"another interface", func(p *Plan) { attachment(p).Interfaces[0].Name = "lo" }, "has the interface \"lo\""},
		{"another address", func(p *Plan) { attachment(p).Interfaces[0].Address = "10.0.0.1/8" }, "has the address \"10.0.0.1/8\""},
		{"a network that is another's", func(p *Plan) { attachment(p).Interfaces[0].Network.Name = "podman" }, "\"podman\" is not that of main/other"},
		{"a port that is none", func(p *Plan) { attachment(p).Published = []string{"80"} }, "publishes \"80\""},
		{"a name with a line break", func(p *Plan) { attachment(p).Names = []string{"a\n1.1.1.1 b"} }, "contains"},
		{"names elsewhere", func(p *Plan) { p.Names[0].Update = []realm.Path{"main/other/../x"} }, "is no cell of it"},
		{"names of another space", func(p *Plan) { p.Names[0].Update = []realm.Path{"main/third/x/y"} }, "is no cell of it"},
		{"an entry with a line break", func(p *Plan) { p.Names[0].Entries[0].Names = []string{"a\n"} }, "contains"},
		{"an entry without address", func(p *Plan) { p.Names[0].Entries[0].Address = "" }, "names of main/"},
		{"waits for nothing", func(p *Plan) { change(p, theSide).Check = realm.Healthy }, "can't be waited for to be healthy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := made(t)
			p := h.plan(withOther(func(s specs) {
				container(s, theSide).Image = "side:2"
				s[theRealm].(*realm.Realm).Labels = map[string]string{"a": "b"}
			}), Options{})
			file := filepath.Join(t.TempDir(), "plan")
			tt.edit(p)
			if err := p.Save(file); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadPlan(file); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("LoadPlan = %v; want an error with %q", err, tt.err)
			}
		})
	}
}

// What a plan says of the state must be true of it.
func TestEditedPlanOfThisState(t *testing.T) {
	for name, edit := range map[string]func(*Plan){
		"record":    func(p *Plan) { p.Changes[0].Before.Status.Project = "other" },
		"namespace": func(p *Plan) { p.Changes[0].After.Status.Namespace = "moby" },
		"container": func(p *Plan) { p.Changes[0].Before.Status.ContainerID = "x" },
		"cgroup":    func(p *Plan) { p.Changes[0].Before.Status.Cgroup = "/" },
	} {
		h := made(t)
		file := filepath.Join(t.TempDir(), "plan")
		p := h.plan(example(func(s specs) { container(s, theSide).Image = "side:2" }), Options{})
		if err := p.Save(file); err != nil {
			t.Fatal(err)
		}
		p, err := LoadPlan(file)
		if err != nil || p.CheckFresh(h.prior) != nil {
			t.Fatal(err, p.CheckFresh(h.prior))
		}
		edit(p)
		if err := p.CheckFresh(h.prior); err == nil || errors.Is(err, ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzLoadPlan gives LoadPlan anything. It must not panic, and what it accepts must hold what the executor and
// the view rely on.
func FuzzLoadPlan(f *testing.F) {
	data, err := json.Marshal(planFile{Format: planFormat, Version: planVersion, Plan: rich(f)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":"kuke-plan","version":1,"changes":[null],"images":[null],"steps":[{"op":"image","after":[5]}]}`))
	f.Add([]byte(`{"format":"kuke-plan","version":1,"changes":[{"path":"main","action":"create","after":{"path":"main","spec":{}}}],"steps":[{"op":"create","path":"main"}]}`))
	file := filepath.Join(f.TempDir(), "plan")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := LoadPlan(file)
		if err != nil {
			return
		}
		p.Summary()
		for _, c := range p.Changes {
			if c.Path.Kind().Lower() == "" || c.After != nil && c.After.Spec.Kind() != c.Path.Kind() {
				t.Errorf("change %+v", c)
			}
		}
		changes := p.ChangesByPath()
		for i, s := range p.Steps {
			if s.Op != OpImage && s.Op != OpNames && changes[s.Path] == nil {
				t.Errorf("step %d has no change", i)
			}
		}
		if err := p.Save(file); err != nil {
			t.Fatal(err)
		}
		again, err := LoadPlan(file)
		if err != nil || asJSON(t, again) != asJSON(t, p) {
			t.Errorf("%v: saved\n%s\nloaded\n%s", err, asJSON(t, p), asJSON(t, again))
		}
	})
}
