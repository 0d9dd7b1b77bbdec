package main

import (
	"encoding/json"
	"fmt"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
	"github.com/rogpeppe/go-internal/testscript"
)

// terraformReads is the command: terraform plan|state|validation|version FILE [ADDRESS ACTION ...]; it reads a document with
// Terraform's own library. The changes of a plan must be those, with no-op for all other resources, and an action of several words
// as delete,create.
func terraformReads(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: terraform plan|state|validation|version FILE [ADDRESS ACTION ...]")
	}
	data := []byte(ts.ReadFile(args[1]))
	switch args[0] {
	case "plan":
		var p tfjson.Plan
		ts.Check(json.Unmarshal(data, &p))
		ts.Check(p.Validate())
		ts.Check(p.PriorState.Validate())
		ts.Check(p.Config.Validate())
		var changes []string
		for _, c := range p.ResourceChanges {
			if !c.Change.Actions.NoOp() {
				changes = append(changes, c.Address, strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Change.Actions), " ", ","), "[]"))
			}
		}
		if got, want := strings.Join(changes, " "), strings.Join(args[2:], " "); got != want {
			ts.Fatalf("the changes are %s", got)
		}
	case "state":
		var s tfjson.State
		ts.Check(json.Unmarshal(data, &s))
		ts.Check(s.Validate())
	case "validation":
		var v tfjson.ValidateOutput
		ts.Check(json.Unmarshal(data, &v))
		ts.Check(v.Validate())
	case "version":
		var v tfjson.VersionOutput
		ts.Check(json.Unmarshal(data, &v))
		if v.Version == "" {
			ts.Fatalf("it has no version")
		}
	default:
		ts.Fatalf("there is no document %s", args[0])
	}
}
