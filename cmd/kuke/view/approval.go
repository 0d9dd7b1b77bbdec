package view

import (
	"fmt"

	"github.com/kukeon/kuke/planner/plan"
)

// Ask prints the question for the approval of a plan; p is nil for changes of records alone.
func (v *View) Ask(p *plan.Plan) {
	question := "Do you want to perform these actions?"
	switch {
	case p == nil:
	case p.Rollback > 0:
		question = fmt.Sprintf("Do you want to go back to %s?", rollbackTo(p))
	case p.Destroy:
		question = "Do you really want to destroy these resources? There is no undo."
	}
	v.printf("\n%s\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: ", v.ink.bold("%s", question))
}
