package state

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestManifest(t *testing.T) {
	r := record(family[4], 1)
	got, err := EncodeManifest(r)
	must(t, err)
	want := `apiVersion: v1beta1
kind: Container
metadata:
  name: nginx
spec:
  id: nginx
  realmId: main
  spaceId: default
  stackId: blog
  cellId: web
  root: true
  image: docker.io/library/debian:latest
status:
  project: p1
  namespace: kukeon-main
  cgroup: /kukeon/main/default/blog/web/nginx
  containerId: default_blog_web_nginx
`
	if string(got) != want {
		t.Errorf("manifest:\n%s\nwant:\n%s", got, want)
	}
}

func TestBrokenManifest(t *testing.T) {
	good, err := EncodeManifest(record(family[4], 0))
	must(t, err)
	replace := func(old, fresh string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("no %q in the manifest", old)
		}
		return strings.Replace(string(good), old, fresh, 1)
	}
	tests := map[string]struct{ text, err string }{
		"empty":                {"", "it is empty"},
		"zero bytes":           {strings.Repeat("\x00", 512), "only zero bytes"},
		"garbage":              {"a: [", "the file can't be parsed (yaml: line 1: did not find expected node content)"},
		"binary":               {"\x00\xff", "yaml"},
		"a list":               {"- a", "cannot unmarshal"},
		"a word":               {"hello", "cannot unmarshal"},
		"null":                 {"null", `it has kind ""`},
		"cut off":              {string(good[:strings.Index(string(good), "spec:")]), "spec.realmId is <nil>"},
		"wrong kind":           {replace("kind: Container", "kind: Cell"), "instead of Container of v1beta1"},
		"wrong version":        {replace("v1beta1", "v2"), "instead of Container of v1beta1"},
		"wrong id":             {replace("id: nginx", "id: apache"), `spec.id is apache, but its place in the tree implies "nginx"`},
		"wrong parent":         {replace("cellId: web", "cellId: db"), "spec.cellId is db"},
		"no parent":            {replace("  stackId: blog\n", ""), "spec.stackId is <nil>"},
		"id of another type":   {replace("id: nginx", "id: [nginx]"), "spec.id is [nginx]"},
		"unknown field":        {replace("root: true", "rooot: true"), `unknown field "rooot"`},
		"no status":            {string(good[:strings.Index(string(good), "status:")]), "names no containerd namespace"},
		"empty status":         {string(good[:strings.Index(string(good), "status:")]) + "status: {}\n", "names no containerd namespace"},
		"no cgroup":            {regexp.MustCompile("  cgroup: .*\n").ReplaceAllString(string(good), ""), "names no cgroup"},
		"foreign cgroup":       {regexp.MustCompile("  cgroup: .*").ReplaceAllString(string(good), "  cgroup: /kukeon/../system.slice"), "not one of kuke's"},
		"no namespace":         {regexp.MustCompile("  namespace: .*\n").ReplaceAllString(string(good), ""), "names no containerd namespace"},
		"no container":         {regexp.MustCompile("  containerId: .*\n").ReplaceAllString(string(good), ""), "names no containerd container"},
		"unknown status field": {replace("status:", "status:\n  mood: good"), `unknown field "mood"`},
		"unknown top field":    {"extra: 1\n" + string(good), `unknown field "extra"`},
		"wrong type":           {replace("root: true", "root: 3"), "spec"},
		"field twice":          {replace("root: true", "root: true\n  root: true"), "already set"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir, family...)
			file := NewStore(dir).ManifestFile(family[4])
			must(t, os.WriteFile(file, []byte(tt.text), 0o640))
			_, st, warnings := open(t, dir)
			if len(st.Records) != 4 || len(st.Unreadable) != 1 || len(warnings) != 1 {
				t.Fatalf("%d records, unreadable %v, warnings %v", len(st.Records), st.Unreadable, warnings)
			}
			if u := st.Unreadable[0]; u.File != file || u.Path != family[4] || warnings[0].Subject.File != file || !strings.Contains(warnings.Error(), tt.err) {
				t.Errorf("warning %v\nshould name %s and say %q", warnings, file, tt.err)
			}
		})
	}
}

// FuzzManifest gives decodeManifest anything: it must not panic, and an accepted text must be the same record
// when it is written and read again.
func FuzzManifest(f *testing.F) {
	for i, p := range family {
		r := record(p, i)
		if c, ok := r.Spec.(*resource.Container); ok {
			c.Env = resource.Env{"A": "b"}
			c.Resources = &resource.Resources{Memory: 1<<62 + 1, CPUs: 0.5}
		}
		data, err := EncodeManifest(r)
		must(f, err)
		f.Add(string(p), data)
	}
	f.Add("main", []byte("apiVersion: v1beta1\nkind: Realm\nspec: {id: main, resources: {memory: 1e3, cpus: 9007199254740993}}\n"))
	f.Add("main", []byte("apiVersion: v1beta1\nkind: Realm\nmetadata: &a {name: x}\nspec: {id: main, labels: *a}\n"))
	f.Add("a/b/c/d/e", []byte("apiVersion: v1beta1\nkind: Container\nspec: {id: e, realmId: a, spaceId: b, stackId: c, cellId: d, env: {A: b}}"))
	f.Fuzz(func(t *testing.T, path string, data []byte) {
		p, err := resource.ParsePath(path)
		if err != nil {
			t.Skip()
		}
		r, err := decodeManifest(p, data)
		if err != nil {
			return
		}
		encoded, err := EncodeManifest(r)
		if err != nil {
			t.Fatalf("accepted, but can't be written: %v", err)
		}
		again, err := decodeManifest(p, encoded)
		if err != nil {
			t.Fatalf("%v in\n%s", err, encoded)
		}
		fingerprint := func(r *Record) string {
			return (&State{Records: map[resource.Path]*Record{p: r}}).Fingerprint()
		}
		if fingerprint(r) != fingerprint(again) {
			t.Fatalf("%v became %v", dump(map[resource.Path]*Record{p: r}), dump(map[resource.Path]*Record{p: again}))
		}
	})
}
