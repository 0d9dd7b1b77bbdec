package policy

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kukeon/kuke/planner/plan"
)

const document = `{
	"resource_changes": [
		{"address": "main/s/t/web/nginx", "type": "kuke_container", "change": {"actions": ["delete"], "after": null}},
		{"address": "main/s/t/db/db", "type": "kuke_container", "change": {"actions": ["create"], "after": {"privileged": true}}}
	]
}`

// former is a policy as Terraform's users have them, in the syntax before Rego 1.0.
const former = `
package main

deny[msg] {
	rc := input.resource_changes[_]
	rc.change.actions[_] == "delete"
	msg := sprintf("%v is deleted", [rc.address])
}

warn_privileged[{"msg": msg, "severity": "high"}] {
	rc := input.resource_changes[_]
	rc.change.after.privileged
	msg := sprintf("%v is privileged", [rc.address])
}
`

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		files          map[string]string
		denied, warned []plan.Finding
	}{
		"former Rego": {
			files:  map[string]string{"main.rego": former},
			denied: []plan.Finding{{Rule: "main.deny", Message: "main/s/t/web/nginx is deleted"}},
			warned: []plan.Finding{{Rule: "main.warn_privileged", Message: "main/s/t/db/db is privileged"}},
		},
		"present Rego, in any package": {
			files: map[string]string{"a/b.rego": `
				package terraform.privileged
				violation contains {"msg": "privileged", "details": {"at": rc.address}} if {
					some rc in input.resource_changes
					rc.change.after.privileged
				}`},
			denied: []plan.Finding{{Rule: "terraform.privileged.violation", Message: "privileged"}},
		},
		"a rule without a message": {
			files:  map[string]string{"a.rego": "package a\ndeny if count(input.resource_changes) > 1"},
			denied: []plan.Finding{{Rule: "a.deny", Message: "the rule holds, and gives no message"}},
		},
		"nothing to deny": {
			files: map[string]string{"a.rego": "package a\ndeny contains \"many\" if count(input.resource_changes) > 5"},
		},
		"an exception": {
			files: map[string]string{
				"a.rego": "package main\ndeny_any contains \"no\" if true\nexception contains [\"any\"] if input.resource_changes",
			},
		},
		"a function that can't take its arguments": {
			files: map[string]string{"p/a.rego": `package a
				deny contains rc.address if {
					some rc in input.resource_changes
					object.get(rc.change.after, "privileged", false)
				}
				deny_other contains "other" if startswith(input.resource_changes[0].change.after, "x")
				exception contains ["other"] if true`},
			denied: []plan.Finding{{Rule: "a.deny", Message: "main/s/t/db/db"}},
			warned: []plan.Finding{{Rule: "a.deny",
				Message: "a condition does not hold because of an error: p/a.rego:4: object.get: operand 1 must be object but got null"}},
		},
		"a line that fails for each resource": {
			files: map[string]string{"a.rego": "package a\nwarn[\"n\"] { to_number(input.resource_changes[_].address) > 1 }"},
			warned: []plan.Finding{{Rule: "a.warn",
				Message: `a condition does not hold because of an error: a.rego:2: to_number: strconv.ParseFloat: parsing "main/s/t/db/db": invalid syntax (and 1 more)`}},
		},
		"policies for something else among others": {
			files: map[string]string{
				"a.rego": "package a\nimport input as tfplan\ndeny contains \"many\" if count(tfplan.resource_changes) > 1",
				"b.rego": "package b\nimport input.tfplan as tfplan\ndeny contains \"many\" if count(tfplan.resource_changes) > 1",
				"c.rego": "package c\nwarn contains \"one\" if every key, _ in input { key == \"resource_changes\" }",
				"d.rego": "package d\nchanges := input.plan.resource_changes if input.plan else := input.resource_changes\ndeny contains \"d\" if count(changes) > 1",
			},
			denied: []plan.Finding{{Rule: "a.deny", Message: "many"}, {Rule: "d.deny", Message: "d"}},
			warned: []plan.Finding{
				{Rule: "b", Message: "b.rego reads only input.tfplan, which a plan does not have: its rules can't judge the plan"},
				{Rule: "c.warn", Message: "one"},
			},
		},
		"data and tests": {
			files: map[string]string{
				"a.rego":           "package a\ndeny contains msg if {\n some rc in input.resource_changes\n rc.type in data.limits.types\n msg := rc.address\n}",
				"a_test.rego":      "package a\ntest_any if nothing.there",
				"limits/data.yaml": "types: [kuke_container]\n",
				".git/x.rego":      "no rego",
			},
			denied: []plan.Finding{{Rule: "a.deny", Message: "main/s/t/db/db"}, {Rule: "a.deny", Message: "main/s/t/web/nginx"}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := Load([]string{write(t, test.files)})
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Check(t.Context(), []byte(document))
			if err != nil {
				t.Fatal(err)
			}
			for _, list := range []*[]plan.Finding{&test.denied, &test.warned} {
				if *list == nil {
					*list = []plan.Finding{}
				}
			}
			if !reflect.DeepEqual(v.Denied, test.denied) || !reflect.DeepEqual(v.Warned, test.warned) || v.Digest != s.Digest() {
				t.Errorf("got %+v", v)
			}
		})
	}
}

// TestRefuses has policies that would let every plan pass, or pass one plan today and refuse it tomorrow.
func TestRefuses(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"has a rule deny, violation or warn":         {"a.rego": "package a\nallow if true"},
		"holds no policy":                            {"a_test.rego": "package a"},
		"a.rego:2":                                   {"a.rego": "package a\ndeny[msg] { msg := }"},
		"Policies can't use the functions http.send": {"a.rego": "package a\ndeny contains \"x\" if http.send({\"url\": \"http://localhost\"}).status_code == 200"},
		"another file has the value \"types\"":       {"a.rego": "package a\ndeny if true", "data.json": `{"types": 1}`, "data.yaml": "types: 2"},
	} {
		_, err := Load([]string{write(t, files)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got the error %v, want %q", files, err, want)
		}
	}
	if _, err := Load([]string{"/nowhere"}); err == nil || !strings.Contains(err.Error(), "there is no policy /nowhere") {
		t.Errorf("got the error %v", err)
	}
}

// TestFails is a rule that can't be evaluated: the plan has not passed it.
func TestFails(t *testing.T) {
	s, err := Load([]string{write(t, map[string]string{"a.rego": "package a\ndeny := rc.address if some rc in input.resource_changes"})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(t.Context(), []byte(document)); err == nil || !strings.Contains(err.Error(), "the rule deny of package a") {
		t.Errorf("got the error %v", err)
	}
}

// TestReadsNoPlan are policies of services that hand the plan over below a field of the input: they would let every plan pass.
func TestReadsNoPlan(t *testing.T) {
	s, err := Load([]string{write(t, map[string]string{
		"a.rego": "package terraform\nimport input.tfplan as tfplan\ndeny[r] { r := tfplan.resource_changes[_].address }",
		"b.rego": "package terraform\nimport input.tfrun\ndeny[\"speculative\"] { tfrun.is_dry }",
	})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Check(t.Context(), []byte(document))
	if want := "the policies read only input.tfplan, input.tfrun, which a plan does not have"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got the error %v, want %q", err, want)
	}
}

// TestDigest depends on the content and the names of the files, and not on where they are.
func TestDigest(t *testing.T) {
	digest := func(files map[string]string) string {
		s, err := Load([]string{write(t, files)})
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest()
	}
	one := digest(map[string]string{"a.rego": former})
	if again := digest(map[string]string{"a.rego": former, "README.md": "no policy"}); again != one {
		t.Errorf("got %s and %s for the same policy", one, again)
	}
	if other := digest(map[string]string{"a.rego": former + "\n"}); other == one {
		t.Error("another policy has the same digest")
	}
}
