package jsonplan_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/kukeon/kuke/config/resource/outline"
	"github.com/kukeon/kuke/planner/jsonplan"
	"github.com/kukeon/kuke/planner/plan"
)

// Policies as people write them for Terraform.
const (
	denyDeletions = `package terraform.policy

import rego.v1

deny contains msg if {
	some change in input.resource_changes
	some action in change.change.actions
	action == "delete"
	msg := sprintf("%s would be destroyed", [change.address])
}`

	// OPA's own tutorial for Terraform reads the actions in this way.
	denyDeletionsOld = `package terraform.policy

import future.keywords

deny contains msg if {
	input.resource_changes[i].change.actions[_] == "delete"
	msg := input.resource_changes[i].address
}`

	denyPorts = `package terraform.policy

import rego.v1

resources contains r if {
	some module in modules
	some r in module.resources
}

modules contains module if {
	[path, module] := walk(input.planned_values.root_module)
	is_module(path)
}

is_module(path) if count(path) == 0
is_module(path) if path[count(path) - 2] == "child_modules"

deny contains msg if {
	some r in resources
	r.type == "kuke_container"
	some port in r.values.ports
	startswith(port, "8080:")
	msg := sprintf("%s publishes %s", [r.address, port])
}`

	denyValues = `package terraform.policy

import rego.v1

deny contains msg if {
	some rc in input.resource_changes
	rc.type == "kuke_container"
	rc.mode == "managed"
	rc.change.after.resources.memory > 100 * 1024 * 1024
	msg := sprintf("%s takes too much memory", [rc.address])
}

deny contains msg if {
	some rc in input.resource_changes
	rc.type == "kuke_container"
	not rc.change.after.privileged
	rc.change.after.env.MODE == "slow"
	msg := sprintf("%s is slow", [rc.address])
}

deny contains msg if {
	some rc in input.resource_drift
	msg := sprintf("%s has drifted", [rc.address])
}`
)

// denied returns the messages of a policy on the document of a plan.
func denied(t *testing.T, policy string, p *plan.Plan) []string {
	t.Helper()
	var input any
	if err := json.Unmarshal(encode(t, jsonplan.Of(p, "1.2.3")), &input); err != nil {
		t.Fatal(err)
	}
	results, err := rego.New(rego.Query("data.terraform.policy.deny"), rego.Module("policy.rego", policy), rego.Input(input)).Eval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 {
		t.Fatalf("results %v", results)
	}
	var texts []string
	for _, text := range results[0].Expressions[0].Value.([]any) {
		texts = append(texts, text.(string))
	}
	slices.Sort(texts)
	return texts
}

// Policies for Terraform deny the plans that they are written against, and pass the others.
func TestRego(t *testing.T) {
	plans := shapes(t)
	inModule := plans["create"]
	inModule.Configuration = &outline.Outline{Instances: []outline.Instance{{Path: root, Modules: []string{"module.a", "module.a.module.b"}}}}
	for _, tt := range []struct {
		name, policy string
		plan         *plan.Plan
		want         []string
	}{
		{"six deletions", denyDeletions, plans["destroy"], []string{
			"main would be destroyed", "main/default would be destroyed", "main/default/blog would be destroyed", "main/default/blog/web would be destroyed",
			"main/default/blog/web/app would be destroyed", "main/default/blog/web/root would be destroyed",
		}},
		{"six deletions, as ever", denyDeletionsOld, plans["destroy"], []string{"main", "main/default", "main/default/blog", "main/default/blog/web", "main/default/blog/web/app", "main/default/blog/web/root"}},
		{"replacements", denyDeletions, plans["replace"], []string{"main/default/blog/web/app would be destroyed", "main/default/blog/web/root would be destroyed"}},
		{"nothing", denyDeletions, plans["create"], nil},
		{"a port in a module", denyPorts, inModule, []string{"main/default/blog/web/root publishes 8080:80"}},
		{"a port", denyPorts, plans["no-op"], []string{"main/default/blog/web/root publishes 8080:80"}},
		{"no port any more", denyPorts, plans["destroy"], nil},
		{"a number", denyValues, plans["update"], []string{"main/default/blog/web/app takes too much memory"}},
		{"a text", denyValues, plans["replace"], []string{"main/default/blog/web/app is slow"}},
		{"drift", denyValues, plans["drift"], []string{"main/default has drifted", "main/default/blog/web has drifted", "main/default/blog/web/app has drifted"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := denied(t, tt.policy, tt.plan); !slices.Equal(got, tt.want) {
				t.Errorf("denied %q, want %q", got, tt.want)
			}
		})
	}
}
