package lang

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/lang/console"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Evaluate returns the value of an expression in the root module as text, as [console.Spell] does, with (sensitive value)
// for a sensitive value and (known once planned) for an unknown one. Where the expression is a call to type, the text is the
// type itself, without quotes. The text of the expression is added to the sources.
func (c *Configuration) Evaluate(text string) (string, resource.Diagnostics) {
	var diags resource.Diagnostics
	e := c.evaluator
	if e == nil {
		diags.Errorf(resource.Range{}, "", "No configuration", "There is nothing to evaluate expressions with.")
		return "", diags
	}
	if strings.Contains(text, "\n") {
		text += "\n" // which ends the last line of a heredoc
	}
	data := []byte(text)
	c.sources.Add(console.Name, data)
	if !source.Bounded(console.Name, data, &diags) {
		return "", diags
	}
	expr, problems := hclsyntax.ParseExpression(data, console.Name, hcl.InitialPos)
	source.Report(source.FirstOfEach(problems), &diags)
	if problems.HasErrors() {
		return "", diags
	}
	result := ""
	source.Guard(console.Name, &diags, func() {
		if asked := console.TypeAsked(expr); asked != nil {
			if val, ok := e.EvaluateAlone(asked, &diags); ok {
				result = console.SpellType(val.Type(), 0)
			}
		} else if val, ok := e.EvaluateAlone(expr, &diags); ok {
			result = console.Spell(val)
		}
	})
	return result, diags
}
