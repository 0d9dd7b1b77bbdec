package manifest

import (
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
	oldyaml "sigs.k8s.io/yaml"

	"github.com/kukeon/kuke/config/resource"
)

func TestEncode(t *testing.T) {
	timeout := int64(0)
	got, err := Encode(&Document{
		Path: "main/default/blog/web/nginx", External: true, Units: true, Status: map[string]any{"size": 1 << 60},
		Spec: &resource.Container{
			Image: "nginx", Env: resource.Env{"A": "1"}, StopTimeoutSeconds: &timeout, Tmpfs: []resource.Tmpfs{{Path: "/a", SizeBytes: 1 << 24}, {Path: "/b", SizeBytes: 4097}},
			DependsOn: []resource.Dependency{{Name: "a"}, {Name: "b", Condition: resource.Healthy}},
			Common:    resource.Common{Resources: &resource.Resources{Memory: 1 << 30, CPUs: 0.5}},
		},
	})
	const want = `apiVersion: v1beta1
kind: Container
metadata:
  name: nginx
spec:
  id: nginx
  realmId: main
  spaceId: default
  stackId: blog
  cellId: web
  external: true
  image: nginx
  env:
    - A=1
  tmpfs:
    - path: /a
      sizeBytes: 16MiB
    - path: /b
      sizeBytes: 4097
  stopTimeoutSeconds: 0
  dependsOn:
    - a
    - name: b
      condition: healthy
  resources:
    memory: 1GiB
    cpus: 0.5
status:
  size: 1152921504606846976
`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// How texts look: as plain as every reader of YAML allows.
func TestText(t *testing.T) {
	for s, want := range map[string]string{
		"a": "a", "a b": "a b", "/bin/sh": "/bin/sh", "-c": "-c", "10.1.2.3": "10.1.2.3", "8080:80": "8080:80", "é": "é", "${x}": "${x}",
		"": `""`, "1": `"1"`, "true": `"true"`, "null": `"null"`, "~": `"~"`, "no": `"no"`, "Off": `"Off"`, "10:30": `"10:30"`, "2020-01-01": `"2020-01-01"`,
		" a": "' a'", "a: b": "'a: b'", "- a": "'- a'", "a\tb": `"a\tb"`, "\x7f": `"\x7F"`, "\u0085": `"\N"`, "a\r\nb": `"a\r\nb"`,
		"a\nb": "|-\n  a\n  b", "a\n\n b\n": "|\n  a\n\n   b", "\na": `"\na"`, " a\nb": `" a\nb"`, "a \nb": `"a \nb"`, "a\n\x1bb": `"a\n\eb"`,
	} {
		if got, err := encode(text(s)); err != nil || string(got) != want+"\n" {
			t.Errorf("%q: %v\n%s", s, err, got)
		}
	}
}

// Readers of YAML 1.1 and of 1.2 both read the written value.
func TestEveryReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[string]string{"x": rapid.OneOf(rapid.String(), rapid.StringMatching(`[-+.0-9a-fox_:eE]{1,6}`), rapid.StringMatching("[ a\n\t:#'\"|>-]{0,8}"), rapid.SampledFrom([]string{"yes", "N", "=", "<<", ".inf", "0b1", "+.5", "1:2.3"})).Draw(t, "text")}
		data, err := Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var now, old map[string]any
		if err := yaml.Unmarshal(data, &now); err != nil || now["x"] != want["x"] {
			t.Fatalf("%q became %q: %v\n%s", want["x"], now["x"], err, data)
		}
		if err := oldyaml.Unmarshal(data, &old); err != nil || old["x"] != want["x"] {
			t.Fatalf("%q became %q: %v\n%s", want["x"], old["x"], err, data)
		}
	})
}
