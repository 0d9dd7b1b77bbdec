package planner

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// rich returns a plan with every kind of change.
func rich(t testing.TB) *plan.Plan {
	t.Helper()
	h := newHost(t)
	all := func(s specs) {
		for _, name := range []resource.Path{"a", "b", "d", "e"} {
			s[theCell+"/"+name] = &resource.Container{Image: "side:1"}
		}
	}
	h.converge(example(all), Options{})
	h.kill(theCell+"/a", 1)
	h.at(theCell + "/b").NetNS = 77
	delete(h.prior.Records, theCell+"/d")
	p := h.plan(example(func(s specs) {
		all(s)
		delete(s, theCell+"/e")
		s[theRealm].(*resource.Realm).Resources = &resource.Resources{CPUs: 2, Memory: 1 << 53, PIDs: 3}
		container(s, theSide).Args = []string{"x", "<&>"}
		s["main/new"] = &resource.Space{}
	}), Options{})
	actions := map[plan.Action]bool{}
	for _, c := range p.Changes {
		actions[c.Action] = true
	}
	if len(actions) != 7 {
		t.Fatalf("not every kind of change:\n%s", text(p))
	}
	return p
}

// forge returns a plan file of p, whatever p is.
func forge(t rapid.TB, p *plan.Plan) []byte {
	t.Helper()
	data, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func bodyDigest(body string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(body))) }

// digested returns a plan file with that body, and the digest that belongs to it.
func digested(body string) string {
	return "kuke-plan 3 " + bodyDigest(body) + "\n" + body
}

func TestPlanFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan")
	p := rich(t)
	p.Diagnostics.Warnf(resource.Range{File: "main.hcl", Start: resource.Pos{Line: 3, Column: 1}}, "", "Check block assertion failed", "It is <not> so.")
	if err := p.Save(file); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	loaded, diags, err := plan.Load(file)
	if err != nil || len(diags) > 0 {
		t.Fatal(err, diags)
	}
	if !reflect.DeepEqual(loaded, p) {
		t.Errorf("saved\n%s\nloaded\n%s", asJSON(t, p), asJSON(t, loaded))
	}
}

// TestPlanFileFlips flips bits of a plan file: each of a small one, and some of a large one. No file but the saved one is
// a plan.
func TestPlanFileFlips(t *testing.T) {
	small := forge(t, &plan.Plan{Project: "default", Steps: []plan.Step{}})
	for bit := range 8 * len(small) {
		checkFlipped(t, small, bit)
	}
	large, random := forge(t, rich(t)), rand.New(rand.NewPCG(1, 2))
	for range 400 {
		checkFlipped(t, large, random.IntN(8*len(large)))
	}
}

func checkFlipped(t *testing.T, data []byte, bit int) {
	t.Helper()
	if _, err := plan.Decode(data); err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(data)
	flipped[bit/8] ^= 1 << (bit % 8)
	if p, err := plan.Decode(flipped); p != nil || err == nil {
		t.Errorf("bit %d of byte %d (%q) is flipped, and the plan is taken", bit%8, bit/8, data[bit/8])
	}
}

// The warnings are about who else can have written the file.
func TestPlanFileOfOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plan")
	if err := rich(t).Save(file); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[fs.FileMode]string{
		0o600: "", 0o644: "", 0o400: "", 0o620: "has the mode 0620", 0o602: "has the mode 0602", 0o666: "has the mode 0666",
	} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		_, diags, err := plan.Load(file)
		if err != nil || diags.HasErrors() || (want == "") != (len(diags) == 0) || !strings.Contains(diags.Error(), want) {
			t.Errorf("mode %o: %v, %v", mode, diags, err)
		}
	}
}

// TestConfigurationForPlan gives the name of a configuration in place of that of a saved plan.
func TestConfigurationForPlan(t *testing.T) {
	for _, name := range []string{"main.hcl", "main.yaml", "main.yml"} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte("{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := plan.Load(file); err == nil || err.Error() != file+" is a configuration. Apply it with kuke apply -f "+file {
			t.Error(err)
		}
	}
}

// TestSaveNowhere saves a plan where no file can be.
func TestSaveNowhere(t *testing.T) {
	p := made(t).plan(example(nil), Options{})
	dir := t.TempDir()
	if err := p.Save(dir); err == nil || err.Error() != "save the plan: "+dir+" is a directory. Name a file" {
		t.Error(err)
	}
	missing := filepath.Join(dir, "missing")
	if err := p.Save(filepath.Join(missing, "plan")); !errors.Is(err, os.ErrNotExist) || !strings.HasSuffix(err.Error(), ". Create the directory "+missing+" first") {
		t.Error(err)
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
	if err := p.CheckFresh(h.prior); !errors.Is(err, plan.ErrStale) || !strings.Contains(err.Error(), "for example because the plan was applied already: plan again") {
		t.Errorf("CheckFresh = %v", err)
	}
}

func TestDamagedPlanFile(t *testing.T) {
	body := strings.SplitAfterN(string(forge(t, &plan.Plan{Project: "default", Steps: []plan.Step{}})), "\n", 2)[1]
	replaced := func(old, new string) string {
		t.Helper()
		if strings.Count(body, old) != 1 {
			t.Fatalf("%q is not once in %s", old, body)
		}
		return digested(strings.Replace(body, old, new, 1))
	}
	const edited = "was edited, or written by another version"
	tests := []struct{ name, text, err string }{
		{"empty", "", "is not a saved plan"},
		{"garbage", "\x00{", "is not a saved plan"},
		{"something else", `{"format":"other","version":1}`, "is not a saved plan"},
		{"the form of earlier versions", `{"format":"kuke-plan","version":1,"changes":[]}`, "was saved by an earlier version of kuke"},
		{"older", "kuke-plan 2 " + bodyDigest("") + "\n", `has format version "2"`},
		{"newer", "kuke-plan 4 " + bodyDigest("") + "\n", `has format version "4"`},
		{"no digest", "kuke-plan 3\n" + body, "is damaged or was edited"},
		{"no content", "kuke-plan 3 " + bodyDigest(body), "is damaged or was edited"},
		{"another content", "kuke-plan 3 " + bodyDigest("x") + "\n" + body, "is damaged or was edited"},
		{"capital digits", strings.Replace(digested(body), bodyDigest(body), strings.ToUpper(bodyDigest(body)), 1), "is damaged or was edited"},
		{"more in the first line", strings.Replace(digested(body), "\n", " \n", 1), "is damaged or was edited"},
		{"cut", digested(body)[:len(digested(body))-1], "is damaged or was edited"},
		{"more behind it", digested(body) + "\n", "is damaged or was edited"},
		{"no JSON", digested("hello\n"), "can't be read"},
		{"wrong type", replaced(`"changes":null`, `"changes":7`), "can't be read"},
		{"record without spec", replaced(`"changes":null`, `"changes":[{"path":"main","action":"create","before":null,"after":{"path":"main"}}]`), "can't be read"},
		{"null", digested("null\n"), edited},
		{"unknown field", replaced(`"steps":[]`, `"steps":[],"stepss":[]`), edited},
		{"misspelt field", replaced(`"steps"`, `"stepss"`), edited},
		{"another case", replaced(`"steps"`, `"Steps"`), edited},
		{"twice", replaced(`"steps":[]`, `"steps":[],"steps":[]`), edited},
		{"another order", replaced(`"unchanged":null,"steps":[]`, `"steps":[],"unchanged":null`), edited},
		{"spaces", replaced(`"steps":[]`, `"steps": []`), edited},
		{"escapes", replaced(`"default"`, `"d\u0065fault"`), edited},
		{"a second plan", digested(body + body), "can't be read"},
		{"no end of line", digested(strings.TrimSpace(body)), edited},
		{"short key", digested(strings.Replace(body, "}\n", `,"seal_key":"AAAA"}`+"\n", 1)), "key of 3 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "plan")
			if err := os.WriteFile(file, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			p, _, err := plan.Load(file)
			if p != nil || err == nil || !strings.Contains(err.Error(), tt.err) || !strings.Contains(err.Error(), file+" ") || !strings.Contains(err.Error(), "plan again") {
				t.Errorf("LoadPlan = %v, %v; want an error with %q", p, err, tt.err)
			}
		})
	}
	if _, _, err := plan.Load(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "missing. Write one with kuke plan --out FILE") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := plan.Decode([]byte(digested(body))); err != nil {
		t.Error(err)
	}
}

// A plan that was edited by hand is not carried out when what it shows is not what it does.
func TestEditedPlanFile(t *testing.T) {
	change := func(p *plan.Plan, path resource.Path) *plan.Change { return p.ChangesByPath()[path] }
	step := func(p *plan.Plan, op plan.Op, path resource.Path) *plan.Step {
		for i := range p.Steps {
			if p.Steps[i].Op == op && p.Steps[i].Path == path {
				return &p.Steps[i]
			}
		}
		t.Fatalf("no step to %s %s", op, path)
		return nil
	}
	attachment := func(p *plan.Plan) *state.Attachment { return change(p, otherCell).After.Status.Attachment }
	tests := []struct {
		name string
		edit func(*plan.Plan)
		err  string
	}{
		{"another spec", func(p *plan.Plan) { change(p, otherRoot).After.Spec.(*resource.Container).Privileged = true }, "does not change as the plan shows it"},
		{"another difference", func(p *plan.Plan) { change(p, theSide).Diffs[0].After = "x:1" }, "does not change as the plan shows it"},
		{"a difference less", func(p *plan.Plan) { change(p, theSide).Diffs = nil }, "does not change as the plan shows it"},
		{"a difference called computed", func(p *plan.Plan) { change(p, theSide).Diffs[0].Computed = true }, "does not change as the plan shows it"},
		{"no change", func(p *plan.Plan) { p.Changes[0] = nil }, "change 0: it is missing"},
		{"no path", func(p *plan.Plan) { p.Changes[0] = &plan.Change{Action: plan.Delete} }, "path is empty"},
		{"bad path", func(p *plan.Plan) { p.Changes[0] = &plan.Change{Path: "../etc", Action: plan.Delete} }, `"../etc"`},
		{"unknown action", func(p *plan.Plan) { p.Changes[0].Action = "explode" }, `unknown action "explode"`},
		{"no record", func(p *plan.Plan) { change(p, theSide).Before = nil }, "lacks a record"},
		{"record of another", func(p *plan.Plan) { p.Changes[0].Before = change(p, theSide).Before }, `has a record of "` + string(theSide)},
		{"null image", func(p *plan.Plan) { p.Images[0] = nil }, "image 0"},
		{"another profile", func(p *plan.Plan) { p.Profiles = []string{"unconfined"} }, `AppArmor profile "unconfined"`},
		{"step without image", func(p *plan.Plan) { step(p, plan.OpImage, "").Image = nil }, "has no image"},
		{"step without change", func(p *plan.Plan) { step(p, plan.OpCreate, theSide).Path = "else" }, "(create else) has no change"},
		{"step without names", func(p *plan.Plan) {
			p.Names = nil
			step(p, plan.OpCreate, otherSpace).Op = plan.OpNames
		}, "has no names"},
		{"step against its change", func(p *plan.Plan) { step(p, plan.OpCreate, otherSpace).Op = plan.OpDelete }, "(delete main/other) has no change"},
		{"waits for itself", func(p *plan.Plan) { p.Steps[1].After = []int{1} }, "step 1 waits for step 1"},
		{"waits for what is not there", func(p *plan.Plan) { p.Steps[1].After = []int{-1} }, "step 1 waits for step -1"},
		{"unknown operation", func(p *plan.Plan) { step(p, plan.OpCreate, otherSpace).Op = "explode" }, "(explode main/other) has no change"},
		{"start of a realm", func(p *plan.Plan) { step(p, plan.OpUpdate, theRealm).Op = plan.OpStart }, `can't start a realm`},
		{"twice", func(p *plan.Plan) { p.Changes = append(p.Changes, change(p, theSide)) }, "main/default/blog/web/side changes twice"},
		{"a claim to another container", func(p *plan.Plan) { change(p, theSide).After.Status.ContainerID = "x" }, `claims the container "x"`},
		{"a claim to another cgroup", func(p *plan.Plan) { change(p, theSide).After.Status.Cgroup = "/" }, `claims the cgroup "/"`},
		{"another namespace", func(p *plan.Plan) { change(p, otherSpace).After.Status.Namespace = "" }, "has no containerd namespace"},
		{"not the realm's namespace", func(p *plan.Plan) { change(p, otherSpace).After.Status.Namespace = "moby" }, "not in the containerd namespace of its realm"},
		{"another namespace of a realm", func(p *plan.Plan) { change(p, theRealm).After.Status.Namespace = "moby" }, "does not follow from its configuration"},
		{"another bridge", func(p *plan.Plan) { change(p, otherSpace).After.Status.Network.Bridge = "eth0" }, "is not that of main/other"},
		{"another file", func(p *plan.Plan) { change(p, otherSpace).After.Status.Network.File = "../x" }, "is not that of main/other"},
		{"another gateway", func(p *plan.Plan) { change(p, otherSpace).After.Status.Network.Gateway = "1.1.1.1" }, "is not that of main/other"},
		{"another subnet", func(p *plan.Plan) { change(p, otherSpace).After.Status.Network.Subnet = "x" }, "has the subnet \"x\""},
		{"a network of a stack", func(p *plan.Plan) { change(p, otherStack).After.Status.Network = &state.Network{} }, "only a space has a network"},
		{"an attached stack", func(p *plan.Plan) { change(p, otherStack).After.Status.Attachment = &state.Attachment{} }, "only a cell is attached"},
		{"another space", func(p *plan.Plan) { attachment(p).Interfaces[0].Space = "main/default" }, "attached to \"main/default\""},
		{"a space that is none", func(p *plan.Plan) { attachment(p).Interfaces[0].Space = "../.." }, "attached to \"../..\""},
		{"another interface", func(p *plan.Plan) { attachment(p).Interfaces[0].Name = "lo" }, "has the interface \"lo\""},
		{"another address", func(p *plan.Plan) { attachment(p).Interfaces[0].Address = "10.0.0.1/8" }, "has the address \"10.0.0.1/8\""},
		{"a network that is another's", func(p *plan.Plan) { attachment(p).Interfaces[0].Network.Name = "podman" }, "network \"podman\" with the subnet"},
		{"a port that is none", func(p *plan.Plan) { attachment(p).Published = []string{"80"} }, "publishes \"80\""},
		{"a name with a line break", func(p *plan.Plan) { attachment(p).Names = []string{"a\n1.1.1.1 b"} }, "contains"},
		{"names elsewhere", func(p *plan.Plan) { p.Names[0].Update = []resource.Path{"main/other/../x"} }, "is no cell of it"},
		{"names of another space", func(p *plan.Plan) { p.Names[0].Update = []resource.Path{"main/third/x/y"} }, "is no cell of it"},
		{"an entry with a line break", func(p *plan.Plan) { p.Names[0].Entries[0].Names = []string{"a\n"} }, "contains"},
		{"an entry without address", func(p *plan.Plan) { p.Names[0].Entries[0].Address = "" }, "names of main/"},
		{"an unknown hazard", func(p *plan.Plan) { p.Hazards = []plan.Hazard{{Code: "harmless", Path: theSide, Detail: "x"}} }, `hazard 0 has the unknown code "harmless"`},
		{"a hazard of another resource", func(p *plan.Plan) { p.Hazards = []plan.Hazard{{Code: plan.DataLoss, Path: "else", Detail: "x"}} }, "hazard 0 is about else, which does not change"},
		{"a hazard without detail", func(p *plan.Plan) { p.Hazards = []plan.Hazard{{Code: plan.DataLoss, Path: theSide}} }, "hazard 0 has no detail of one line"},
		{"a hazard of two lines", func(p *plan.Plan) { p.Hazards = []plan.Hazard{{Code: plan.DataLoss, Path: theSide, Detail: "x\ny"}} }, "no detail of one line"},
		{"a cost without lists", func(p *plan.Plan) { p.Cost = &plan.Cost{} }, "cost: a list is missing"},
		{"the restart of another", func(p *plan.Plan) { p.Cost = costOf("else", theCell, "80:80", 1) }, `cost: "else" is no container that changes`},
		{"the restart of a cell", func(p *plan.Plan) { p.Cost = costOf(otherCell, theCell, "80:80", 1) }, "is no container that changes"},
		{"the interruption of another", func(p *plan.Plan) { p.Cost = costOf(theSide, "main/x/y/z", "80:80", 1) }, `cost: cell "main/x/y/z" does not change`},
		{"a closed port that is none", func(p *plan.Plan) { p.Cost = costOf(theSide, theCell, "x", 1) }, `does not publish "x"`},
		{"a negative size", func(p *plan.Plan) { p.Cost = costOf(theSide, theCell, "80:80", -1) }, "loses -1 bytes"},
		{"a record that is missing", func(p *plan.Plan) { p.Unchanged[0] = nil }, "a record without a change is missing"},
		{"a record twice", func(p *plan.Plan) { p.Untargeted = p.Unchanged[:1] }, "occurs twice"},
		{"a record of what changes", func(p *plan.Plan) { p.Unchanged = append(p.Unchanged, change(p, theSide).Before) }, "the record of main/default/blog/web/side occurs twice"},
		{"stopped, though it changes", func(p *plan.Plan) { p.Stopped = []resource.Path{theSide} }, "is not a container without a change"},
		{"drift of nothing", func(p *plan.Plan) { p.Drift = []plan.Drift{{Path: "else"}} }, "else has drifted, but the plan has no record of it"},
		{"drift to another", func(p *plan.Plan) { p.Drift = []plan.Drift{{Path: theSide, After: change(p, theRealm).After}} }, "has drifted in more than one way"},
		{"an output that is kept and changes", func(p *plan.Plan) {
			p.Outputs = []plan.OutputChange{{Name: "x"}}
			p.KeptOutputs = map[string]*state.Output{"x": {}}
		}, "output x changes and does not"},
		{"an unknown cause", func(p *plan.Plan) { p.Changes[0].Cause = "luck" }, `unknown cause "luck"`},
		{"a configuration with a bad path", func(p *plan.Plan) { p.Configuration = &outline.Outline{Instances: []outline.Instance{{Path: ".."}}} }, `configuration: path ".."`},
		{"waits for nothing", func(p *plan.Plan) { change(p, theSide).Check = resource.Healthy }, "can't be waited for to be healthy"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := made(t)
			p := h.plan(withOther(func(s specs) {
				container(s, theSide).Image = "side:2"
				s[theRealm].(*resource.Realm).Labels = map[string]string{"a": "b"}
			}), Options{})
			tt.edit(p)
			if _, err := plan.Decode(forge(t, p)); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("decodePlan = %v; want an error with %q", err, tt.err)
			}
			file := filepath.Join(t.TempDir(), "plan")
			if err := p.Save(file); err == nil {
				t.Error("it is saved")
			}
		})
	}
}

// costOf returns a cost about a container and a cell.
func costOf(container, cell resource.Path, port string, bytes int64) *plan.Cost {
	return &plan.Cost{
		Restarted: []resource.Path{container}, Ended: []resource.Path{}, Interruptions: []plan.Interruption{{Cell: cell}}, Pulls: []plan.Pull{},
		ClosedPorts: []plan.ClosedPort{{Cell: cell, Port: port}}, Losses: []plan.Loss{{Container: container, Bytes: &bytes}},
	}
}

// TestReviewedPlanFile makes sure that a plan keeps its hazards and its cost.
func TestReviewedPlanFile(t *testing.T) {
	p := made(t).plan(withOther(func(s specs) { container(s, theSide).Image = "side:2" }), Options{})
	seconds := 0.1
	p.Hazards, p.Cost = []plan.Hazard{{Code: plan.DataLoss, Path: theSide, Detail: "1 B"}}, costOf(theSide, theCell, "127.0.0.1:80:80/udp", 1)
	p.Cost.Interruptions[0].Seconds = &seconds
	data, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	got, err := plan.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Hazards, p.Hazards) || !reflect.DeepEqual(got.Cost, p.Cost) {
		t.Errorf("%+v, %+v", got.Hazards, got.Cost)
	}
}

// What a plan says of the state must be true of it.
func TestEditedPlanOfThisState(t *testing.T) {
	for name, edit := range map[string]func(*plan.Plan){
		"record":    func(p *plan.Plan) { p.Changes[0].Before.Status.Project = "other" },
		"namespace": func(p *plan.Plan) { p.Changes[0].After.Status.Namespace = "moby" },
		"container": func(p *plan.Plan) { p.Changes[0].Before.Status.ContainerID = "x" },
		"cgroup":    func(p *plan.Plan) { p.Changes[0].Before.Status.Cgroup = "/" },

		"unrecorded":          func(p *plan.Plan) { p.Changes[0].Unrecorded = true },
		"record not changed":  func(p *plan.Plan) { p.Unchanged[0].Status.Project = "other" },
		"path not changed":    func(p *plan.Plan) { p.Unchanged[0].Path = "other" },
		"record not targeted": func(p *plan.Plan) { p.Untargeted = []*state.Record{{Path: "other", Spec: &resource.Realm{}}} },
	} {
		h := made(t)
		file := filepath.Join(t.TempDir(), "plan")
		p := h.plan(example(func(s specs) { container(s, theSide).Image = "side:2" }), Options{})
		if err := p.Save(file); err != nil {
			t.Fatal(err)
		}
		p, _, err := plan.Load(file)
		if err != nil || p.CheckFresh(h.prior) != nil {
			t.Fatal(err, p.CheckFresh(h.prior))
		}
		edit(p)
		if err := p.CheckFresh(h.prior); err == nil || errors.Is(err, plan.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Outputs that a plan says stay as they are must be so: they are no part of the fingerprint of a state.
func TestStaleOutputs(t *testing.T) {
	h := made(t)
	h.prior.Outputs = state.Outputs{"default": {"a": {Value: json.RawMessage(`1`)}}}
	p := h.plan(example(nil), Options{Targets: []resource.Path{theSide}})
	if err := p.CheckFresh(h.prior); err != nil || len(p.KeptOutputs) != 1 {
		t.Fatal(err, p.KeptOutputs)
	}
	h.prior.Outputs = state.Outputs{"default": {"a": {Value: json.RawMessage(`2`)}}}
	if err := p.CheckFresh(h.prior); !errors.Is(err, plan.ErrStale) || !strings.Contains(err.Error(), "the output a has changed since") {
		t.Errorf("CheckFresh = %v", err)
	}
}

// FuzzPlanFile gives decodePlan anything with the right digest. It must not panic, and what it accepts must hold what the
// executor and the view rely on.
func FuzzPlanFile(f *testing.F) {
	_, body, _ := strings.Cut(string(forge(f, rich(f))), "\n")
	f.Add(body)
	f.Add(`{"changes":[null],"images":[null],"steps":[{"op":"image","after":[5]}]}`)
	f.Add(`{"changes":[{"path":"main","action":"create","after":{"path":"main","spec":{}}}],"steps":[{"op":"create","path":"main"}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		p, err := plan.Decode([]byte(digested(body)))
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
			if s.Op != plan.OpImage && s.Op != plan.OpNames && changes[s.Path] == nil {
				t.Errorf("step %d has no change", i)
			}
		}
		if again := forge(t, p); string(again) != digested(body) {
			t.Errorf("read\n%s\nwritten\n%s", body, again)
		}
	})
}

// A plan that detaches a cell whose interface is missing is read from its file as it was saved.
func TestDetachedInterfaceIsMissing(t *testing.T) {
	h := newHost(t)
	before := richExample()
	h.converge(tree(before), Options{})
	const cell resource.Path = "main/other/x/db"
	for _, i := range h.prior.Records[cell].Status.Attachment.Interfaces {
		if i.Space == theSpace {
			delete(h.interfaces[h.pins[cell]], i.Name)
		}
	}
	before[cell+"/db"].(*resource.Container).Networks = nil
	p := h.plan(tree(before), Options{})
	file := filepath.Join(t.TempDir(), "plan")
	if err := p.Save(file); err != nil {
		t.Fatal(err)
	}
	if loaded, _, err := plan.Load(file); err != nil || !reflect.DeepEqual(p, loaded) {
		t.Errorf("%v: the loaded plan differs:\n%s", err, text(p))
	}
}
