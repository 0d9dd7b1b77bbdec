package secrets

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

const theContainer = resource.Path("main/s/t/c/web")

// sensitive returns a tree of one container in which all that may be is sensitive, with the value.
func sensitive(value string) *resource.Tree {
	tree := resource.NewTree()
	tree.Add(&resource.Resource{
		Path: theContainer,
		Spec: &resource.Container{
			Image: "a", Command: value, Args: []string{"plain", value}, Env: resource.Env{"PASSWORD": value, "PLAIN": "plain"},
			Healthcheck: &resource.Healthcheck{Exec: []string{"check", value}},
		},
		Sensitive: map[string]bool{`env["PASSWORD"]`: true, "command": true, "args": true, "healthcheck.exec": true},
	})
	return tree
}

func specOf(tree *resource.Tree) *resource.Container {
	return tree.Resource(theContainer).Spec.(*resource.Container)
}

func open(dir string) *Vault { return New(state.NewStore(dir), Sources{}) }

// sealTree seals the containers of the tree.
func sealTree(v *Vault, tree *resource.Tree) error {
	for _, r := range tree.Resources() {
		sealed, err := v.SealContainer(r)
		if err != nil {
			return err
		}
		r.Spec = sealed
	}
	return nil
}

func planOf(action plan.Action, spec *resource.Container) *plan.Plan {
	after := &state.Record{Path: theContainer, Spec: spec, Status: state.Status{ContainerID: "executor-test-nowhere"}}
	return &plan.Plan{Changes: []*plan.Change{{Path: theContainer, Action: action, After: after, Check: resource.Healthy}}}
}

// What is sensitive is sealed, all of it, and comes back the same for those who sealed it, and for nobody else.
func TestSealAndUnseal(t *testing.T) {
	const value = "hunter2-hunter2"
	dir := t.TempDir()
	e, tree := open(dir), sensitive(value)
	if err := sealTree(e, tree); err != nil {
		t.Fatal(err)
	}
	spec := specOf(tree)
	data, err := state.EncodeManifest(&state.Record{Path: theContainer, Spec: spec})
	if err != nil || bytes.Contains(data, []byte(value)) || !resource.IsSealed(spec.Env["PASSWORD"]) || spec.Env["PLAIN"] != "plain" {
		t.Errorf("%v, recorded as\n%s", err, data)
	}
	plain, err := e.Unseal(theContainer, spec)
	if err != nil || plain.Env["PASSWORD"] != value || plain.Command != value || plain.Args[0] != "plain" || plain.Args[1] != value {
		t.Errorf("unsealed as %+v, %v", plain, err)
	}
	p := planOf(plan.Create, spec)
	if err := e.Provide(p); err != nil {
		t.Error(err)
	}

	// Another process has the key, but not the values.
	if key := e.PlanKey(p); key == nil {
		t.Error("the state has no key, and the plan brings none")
	}
	if err := e.SaveKey(); err != nil {
		t.Fatal(err)
	}
	if key := e.PlanKey(p); key != nil {
		t.Error("the state has a key, and the plan brings one")
	}
	other := open(dir)
	err = other.Provide(p)
	if want := `: the values of command, args, env["PASSWORD"] and healthcheck.exec are sensitive, `; err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "-f FILE") {
		t.Errorf("the values aren't asked for: %v", err)
	}
	if _, err := other.Unseal(theContainer, spec); err == nil || !strings.Contains(err.Error(), "PASSWORD") {
		t.Errorf("unsealed without the value: %v", err)
	}
	if err := other.Provide(planOf(plan.Stop, &resource.Container{Env: spec.Env})); err != nil {
		t.Errorf("a stop needs values: %v", err)
	}
	if err := sealTree(other, sensitive("hunter3-hunter3")); err != nil {
		t.Fatal(err)
	}
	if err := other.Provide(p); err == nil || !strings.Contains(err.Error(), `env["PASSWORD"] and healthcheck.exec differ from those in the plan`) {
		t.Errorf("another value: %v", err)
	}
	again := sensitive(value)
	if err := errors.Join(sealTree(other, again), other.Provide(p)); err != nil || resource.CreationDigest(specOf(again)) != resource.CreationDigest(spec) {
		t.Errorf("the same value: %v", err)
	}
}

// One error is about all containers that lack values, with one remedy.
func TestManyUnknownValues(t *testing.T) {
	sealed := specOf(sensitive("hunter2"))
	sealed.Command, sealed.Args, sealed.Healthcheck = "", nil, nil
	key := make(resource.SealKey, resource.SealKeySize)
	sealed.Env = resource.Env{"PASSWORD": key.Seal("hunter2")}
	p := new(plan.Plan)
	for _, name := range []string{"a", "b", "c"} {
		one := planOf(plan.Create, sealed).Changes[0]
		one.Path = resource.Path("main/s/t/c/" + name)
		p.Changes = append(p.Changes, one)
	}
	const want = `container main/s/t/c/a and 2 others: the value of env["PASSWORD"] is sensitive, and neither in the state nor in a saved plan. ` +
		`Pass its configuration with the same variables: kuke apply -f FILE, or kuke apply PLANFILE -f FILE`
	if err := open(t.TempDir()).Provide(p); err == nil || err.Error() != want {
		t.Errorf("the error is %v", err)
	}
}

// A saved plan gives the state its key, unless that has got another.
func TestUseKey(t *testing.T) {
	dir := t.TempDir()
	planning, tree := open(dir), sensitive("hunter2")
	if err := sealTree(planning, tree); err != nil {
		t.Fatal(err)
	}
	p := planOf(plan.Create, specOf(tree))
	key := planning.PlanKey(p)
	if entries, err := os.ReadDir(dir); len(entries) > 0 || err != nil {
		t.Errorf("planning wrote %v, %v", entries, err)
	}
	applying := open(dir)
	if err := errors.Join(applying.UseKey(key), sealTree(applying, sensitive("hunter2")), applying.Provide(p), applying.SaveKey()); err != nil {
		t.Fatal(err)
	}
	if err := open(dir).UseKey(key); err != nil {
		t.Errorf("the same key: %v", err)
	}
	if err := open(dir).UseKey(bytes.Repeat([]byte("x"), resource.SealKeySize)); !errors.Is(err, plan.ErrStale) {
		t.Errorf("another key: %v", err)
	}
	if err := open(dir).UseKey(nil); err != nil {
		t.Error(err)
	}
}

func TestSealReadsSecrets(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("KUKE_TEST_SECRET", "line\n")
	t.Setenv("KUKE_TEST_EMPTY", "")
	write := func(name string, size int) {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte{0xff}, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("most", maxSize)
	write("more", maxSize+1)
	tree := resource.NewTree()
	r := &resource.Resource{Path: theContainer, Declared: resource.Range{File: filepath.Join(dir, "main.hcl")}, Spec: &resource.Container{Image: "a", Secrets: []resource.Secret{
		{Name: "dir", FromFile: "."}, {Name: "empty", FromEnv: "KUKE_TEST_EMPTY"}, {Name: "env", FromEnv: "KUKE_TEST_SECRET"}, {Name: "gone", FromFile: "gone"},
		{Name: "more", FromFile: "more"}, {Name: "most", FromFile: "most"}, {Name: "unset", FromEnv: "KUKE_TEST_UNSET"},
	}}}
	tree.Add(r)
	e := open(t.TempDir())
	if err := sealTree(e, tree); err != nil {
		t.Fatal(err)
	}
	for _, s := range specOf(tree).Secrets {
		value, ok := e.Open(s.Digest)
		why := e.unreadable[plan.SecretKey{Container: theContainer, Name: s.Name}]
		want := map[string]string{"dir": "is a directory", "gone": "no such file", "more": "larger than 1 MiB", "unset": "KUKE_TEST_UNSET is not set"}[s.Name]
		if readable := s.Digest != ""; readable != (want == "") || !strings.Contains(why, want) || readable && (!ok || why != "") {
			t.Errorf("%s: digest %q, %s", s.Name, s.Digest, why)
		}
		if s.Name == "env" && value != "line\n" || s.Name == "most" && len(value) != maxSize {
			t.Errorf("%s holds %d bytes", s.Name, len(value))
		}
		if s.FromFile != "" && !strings.HasPrefix(s.FromFile, dir) {
			t.Errorf("%s comes from %s", s.Name, s.FromFile)
		}
	}
}

// A value is redacted where its first lines are cut off, in the encodings of addresses and headers, and where it is a part of what a
// container has.
func TestRedactText(t *testing.T) {
	v := open(t.TempDir())
	v.Learn(map[string]string{"sealed:key": "-----BEGIN KEY-----\nMIIEvQIBADAN\nab\n-----END KEY-----\n", "sealed:url": "http://u:pa+ss@db/"})
	v.Withhold([]string{"pa+ss"})
	for text, want := range map[string]string{
		"the key:\n-----BEGIN KEY-----\nMIIEvQIBADAN\nab\n-----END KEY-----\nis bad": "the key:\n(sensitive value)is bad",
		"MIIEvQIBADAN\nab\n-----END KEY-----":                                        "(sensitive value)\nab\n(sensitive value)",
		"login with pa+ss to http://u:pa+ss@db/":                                     "login with (sensitive value) to (sensitive value)",
		"login with pa%2Bss":                                                         "login with (sensitive value)",
		"Basic cGErc3M=":                                                             "Basic (sensitive value)",
		"the tab at /db":                                                             "the tab at /db",
	} {
		if got := v.RedactText(text); got != want {
			t.Errorf("%q is redacted to %q, not %q", text, got, want)
		}
	}
}

// A container with a sensitive value that no configuration gave is unknown.
func TestKnows(t *testing.T) {
	dir := t.TempDir()
	tree := sensitive("hunter2")
	v := open(dir)
	if err := sealTree(v, tree); err != nil {
		t.Fatal(err)
	}
	if err := v.SaveKey(); err != nil {
		t.Fatal(err)
	}
	if !v.Knows(specOf(tree)) {
		t.Error("a value that was given is unknown")
	}
	if open(dir).Knows(specOf(tree)) {
		t.Error("a value is known to a vault that nobody gave it to")
	}
	if !open(dir).Knows(&resource.Container{Args: []string{"plain"}}) {
		t.Error("a container without a sensitive value is unknown")
	}
}

// No message holds a value, whatever its form, and errors stay what they are.
func TestRedact(t *testing.T) {
	e := open(t.TempDir())
	for _, value := range []string{"hunter2", "hunter2-longer", "two\nlines\n", "1", ""} {
		if _, err := e.seal(value); err != nil {
			t.Fatal(err)
		}
	}
	cause := errors.New(`exec: "hunter2-longer": not found; "two\nlines\n" hunter2 two` + "\nlines: exit 1")
	err := e.Redact(cause)
	const want = `exec: "(sensitive value)": not found; "(sensitive value)" (sensitive value) (sensitive value): exit 1`
	if err.Error() != want || !errors.Is(err, cause) {
		t.Errorf("%q", err)
	}
	if e.Redact(nil) != nil {
		t.Error("no error became one")
	}
	if plain := errors.New("plain"); e.Redact(plain) != plain {
		t.Error("a plain error became another")
	}
}

// With the key lost, what is kept with a container is sealed again from what its process has: with nothing in clear, and so
// that what the configuration seals with the new key is the same.
func TestLostKeySealsAgain(t *testing.T) {
	const value = "hunter2-hunter2"
	sealed := func(tree *resource.Tree, e *Vault) *resource.Container {
		if err := sealTree(e, tree); err != nil {
			t.Fatal(err)
		}
		return specOf(tree)
	}
	kept, err := json.Marshal(sealed(sensitive(value), open(t.TempDir())))
	if err != nil || bytes.Contains(kept, []byte(value)) {
		t.Fatalf("%s, %v", kept, err)
	}
	e := open(t.TempDir())
	process := &specs.Process{Args: []string{value, "plain", value}, Env: []string{"PATH=/bin", "PLAIN=plain", "PASSWORD=" + value}}
	got, err := e.MadeFrom(theContainer, "id", &spec.Inspection{Record: kept, Spec: &specs.Spec{Process: process}})
	want := sealed(sensitive(value), e)
	want.Healthcheck, got.Healthcheck = nil, nil // no process has it
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, not %+v", got, err, want)
	}
	for _, nothing := range []string{"", "nonsense", "[]"} {
		if got, err := e.MadeFrom(theContainer, "id", &spec.Inspection{Record: []byte(nothing), Spec: &specs.Spec{}}); got != nil || err != nil {
			t.Errorf("%q: %+v, %v", nothing, got, err)
		}
	}
	// A process that is not what is kept gives nothing away.
	short, err := e.MadeFrom(theContainer, "id", &spec.Inspection{Record: kept, Spec: &specs.Spec{Process: &specs.Process{}}})
	if err != nil || !resource.IsSealed(short.Command) || !resource.IsSealed(short.Env["PASSWORD"]) {
		t.Errorf("%+v, %v", short, err)
	}
}
