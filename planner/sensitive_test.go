package planner

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// sealed stands for a value that was sealed before the planner got it.
func sealed(value string) string { return resource.SealKey("test").Seal(value) }

func recordOf(p resource.Path, spec resource.Spec) *state.Record {
	return &state.Record{Path: p, Spec: spec, Status: state.Status{Namespace: "kukeon-main", ContainerID: resource.ContainerID(p), Cgroup: resource.CgroupOf(p, spec)}}
}

func TestSealedChanges(t *testing.T) {
	withSecrets := func(value string) func(specs) {
		return func(s specs) {
			side := container(s, theSide)
			side.Env = resource.Env{"PASSWORD": sealed(value), "PLAIN": "a"}
			side.Args = []string{"-p", sealed(value)}
			side.Secrets = []resource.Secret{{Name: "db", FromEnv: "DB", Digest: sealed(value)}}
		}
	}
	h := newHost(t)
	h.converge(example(withSecrets("one")), Options{})
	p := h.plan(example(withSecrets("two")), Options{})
	const want = `
replace main/default/blog/web/side
  !args: (sensitive value) -> (sensitive value)
  !env["PASSWORD"]: (sensitive value) -> (sensitive value)
  !secrets["db"].digest: (sensitive value) -> (sensitive value)
`
	if got := changesOf(p); got != want[1:] {
		t.Errorf("got:\n%s", got)
	}
	if data := asJSON(t, p.Changes[0].Diffs); strings.Contains(data, "sealed:") || strings.Count(data, `"(sensitive value)"`) != 6 {
		t.Errorf("differences as JSON: %s", data)
	}
	// What becomes sensitive isn't shown as it was before.
	h.converge(example(func(s specs) { container(s, theSide).Env = resource.Env{"PASSWORD": "hunter2"} }), Options{})
	p = h.plan(example(withSecrets("two")), Options{})
	if data := asJSON(t, p.Changes[0].Diffs); strings.Contains(data, "hunter2") {
		t.Errorf("differences as JSON: %s", data)
	}
}

// Where a value comes from may change without a new container.
func TestSecretSourceIsRecorded(t *testing.T) {
	secret := func(s resource.Secret) *resource.Tree {
		s.Name, s.Digest = "db", sealed("one")
		return example(func(all specs) { container(all, theSide).Secrets = []resource.Secret{s} })
	}
	h := newHost(t)
	h.converge(secret(resource.Secret{FromEnv: "DB"}), Options{})
	p := h.converge(secret(resource.Secret{FromFile: "/etc/db"}), Options{})
	if c := p.ChangesByPath()[theSide]; c == nil || c.Action != plan.Update {
		t.Errorf("%s", text(p))
	}
	p = h.converge(secret(resource.Secret{FromFile: "/etc/db", MountPath: "/db"}), Options{})
	if c := p.ChangesByPath()[theSide]; c == nil || c.Action != plan.Replace {
		t.Errorf("%s", text(p))
	}
}

// A secret that can't be read is an error at its place, but not where nothing is made of it.
func TestUnreadableSecrets(t *testing.T) {
	h := made(t)
	h.actual.UnreadableSecrets = map[plan.SecretKey]string{{Container: theSide, Name: "db"}: "the environment variable DB is not set"}
	desired := example(func(s specs) { container(s, theSide).Secrets = []resource.Secret{{Name: "db", FromEnv: "DB"}} })
	desired.Resource(theSide).Ranges = map[string]resource.Range{`secrets["db"].name`: {File: "name"}, `secrets["db"].fromEnv`: {File: "from"}}
	_, diags := h.new(desired, Options{})
	if len(diags) != 1 || diags[0].Subject.File != "from" || !strings.Contains(diags[0].Detail, "DB is not set") {
		t.Errorf("%v", diags)
	}
	for _, o := range []Options{{Destroy: true}, {Targets: []resource.Path{theRoot}}} {
		if _, diags := h.new(desired, o); diags.HasErrors() {
			t.Errorf("%+v: %v", o, diags)
		}
	}
}

// The file of a secret that was taken away or edited is put right in place, and only where a process sees it.
func TestFileDrift(t *testing.T) {
	desired := example(func(s specs) {
		container(s, theSide).Secrets = []resource.Secret{{Name: "db", FromEnv: "DB", Digest: sealed("one")}}
	})
	h := newHost(t)
	h.converge(desired, Options{})
	h.actual.FileDrift = map[resource.Path][]string{theSide: {"the file of its secret db is missing"}}
	p := h.plan(desired, Options{})
	const want = `
update main/default/blog/web/side
  # changed outside of kuke: the file of its secret db is missing
`
	if got := changesOf(p); got != want[1:] {
		t.Errorf("got:\n%s", got)
	}
	h.kill(theSide, 1)
	if c := h.plan(desired, Options{}).ChangesByPath()[theSide]; c.Action != plan.Start || len(c.Reasons) != 1 {
		t.Errorf("change %+v", c)
	}
}

func TestNeeds(t *testing.T) {
	spec := &resource.Container{
		Image: "a", Env: resource.Env{"P": sealed("p"), "Q": "q"}, Args: []string{"x", sealed("a")}, Healthcheck: &resource.Healthcheck{Exec: []string{sealed("h")}},
		Secrets: []resource.Secret{{Name: "s", Digest: sealed("s")}},
	}
	tests := []struct {
		action plan.Action
		check  resource.Condition
		want   string
	}{
		{plan.Create, resource.Healthy, `args env["P"] healthcheck.exec secrets["s"].digest`},
		{plan.Replace, resource.Completed, `args env["P"] secrets["s"].digest`},
		{plan.Update, "", `secrets["s"].digest`},
		{plan.Start, resource.Healthy, `healthcheck.exec secrets["s"].digest`},
		{plan.Check, resource.Healthy, `healthcheck.exec`},
		{plan.Stop, "", ""},
		{plan.Adopt, "", ""},
	}
	for _, tt := range tests {
		c := &plan.Change{Path: theSide, Action: tt.action, Check: tt.check, After: recordOf(theSide, spec)}
		var names []string
		for _, leaf := range c.Needs() {
			names = append(names, leaf.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s until %q needs %s, want %s", tt.action, tt.check, got, tt.want)
		}
	}
	if needs := (&plan.Change{Path: theSide, Action: plan.Delete}).Needs(); needs != nil {
		t.Errorf("a delete needs %v", needs)
	}
}

// Commands that read no configuration can't run a check that only that tells: they leave it to the next apply.
func TestSealedHealthcheckByHand(t *testing.T) {
	desired := example(func(s specs) {
		container(s, theSide).Healthcheck = &resource.Healthcheck{Exec: []string{"check", sealed("token")}}
	})
	h := newHost(t)
	h.converge(desired, Options{})
	h.kill(theSide, 1)
	if c := h.plan(desired, Options{}).ChangesByPath()[theSide]; c.Check != resource.Healthy {
		t.Errorf("change %+v", c)
	}
	byHand := Options{ByHand: true, Start: true, Targets: []resource.Path{theSide}}
	if c := h.plan(Recorded(h.prior, byHand.Targets), byHand).ChangesByPath()[theSide]; c.Action != plan.Start || c.Check != "" {
		t.Errorf("change %+v", c)
	}
	p, diags := Operate(h.prior, h.actual, Operation{Action: plan.Restart, Paths: []resource.Path{theSide}})
	if diags.HasErrors() || p.Changes[0].Check != "" {
		t.Errorf("change %+v, %v", p.Changes[0], diags)
	}
}

// The key of a plan that brings one is in its file, and nowhere else.
func TestPlanKey(t *testing.T) {
	desired := example(func(s specs) { container(s, theSide).Env = resource.Env{"PASSWORD": sealed("one")} })
	p := newHost(t).plan(desired, Options{})
	if !p.HoldsSealed() || newHost(t).plan(example(nil), Options{}).HoldsSealed() {
		t.Error("what is sealed isn't known")
	}
	p.Key = resource.SealKey(strings.Repeat("k", resource.SealKeySize))
	file := filepath.Join(t.TempDir(), "plan")
	if err := p.Save(file); err != nil {
		t.Fatal(err)
	}
	loaded, _, err := plan.Load(file)
	if err != nil || !slices.Equal(loaded.Key, p.Key) || !reflect.DeepEqual(loaded, p) {
		t.Errorf("loaded the key %q, %v", loaded.Key, err)
	}
	if strings.Contains(asJSON(t, p), "a2tr") {
		t.Error("the key shows in the plan as JSON")
	}
	p.Key = append(p.Key, "kkk"...)
	if _, err := plan.Decode(forge(t, p)); err == nil || !strings.Contains(err.Error(), "35 bytes") {
		t.Errorf("a key that is too long: %v", err)
	}
}

// A plan file can't name a secret that leads out of its directory, or one without a digest to be held to.
func TestDamagedSecrets(t *testing.T) {
	for _, s := range []resource.Secret{{Name: "../../etc/passwd", Digest: sealed("a")}, {Name: "a"}, {Name: "a", Digest: "plain"}} {
		c := &plan.Change{Path: theSide, Action: plan.Create, After: recordOf(theSide, &resource.Container{Image: "a", Secrets: []resource.Secret{s}})}
		c.Diffs = plan.Compare(nil, c.After.Spec)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
