package module

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Condition is a condition that must hold, and the message where it does not.
type Condition struct {
	Expr, ErrorMessage hclsyntax.Expression
	At                 resource.Range
}

var conditionSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "condition", Required: true}, {Name: "error_message", Required: true}},
}

// NewCondition reads a block validation, precondition, postcondition or assert, or returns nil once it has reported an error.
func NewCondition(b *hcl.Block, diags *resource.Diagnostics) *Condition {
	_, problems := b.Body.Content(conditionSchema)
	source.Report(problems, diags)
	if problems.HasErrors() {
		return nil
	}
	attrs := b.Body.(*hclsyntax.Body).Attributes
	return &Condition{Expr: attrs["condition"].Expr, ErrorMessage: attrs["error_message"].Expr, At: source.RangeOf(b.DefRange)}
}
