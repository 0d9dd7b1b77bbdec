package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/realm"
)

// consoleName stands for what is evaluated by itself where a file name is shown.
const consoleName = "<expression>"

// Evaluate returns the value of an expression, which may refer to all that the root module can, as text: the way it would be
// written, with (sensitive value) for what must not be shown and (known once planned) for what isn't known.
// The text of the expression is among the sources by then.
func (c *Configuration) Evaluate(text string) (string, realm.Diagnostics) {
	var diags realm.Diagnostics
	e := c.evaluator
	if e == nil {
		diags.Errorf(realm.Range{}, "", "No configuration", "There is nothing to evaluate expressions with.")
		return "", diags
	}
	before := e.diags
	e.diags, e.spent = &diags, 0
	defer func() { e.diags = before }()
	data := []byte(text)
	e.add(consoleName, data)
	if !boundedHCL(consoleName, data, &diags) {
		return "", diags
	}
	expr, problems := hclsyntax.ParseExpression(data, consoleName, hcl.InitialPos)
	report(firstOfEach(problems), &diags)
	if problems.HasErrors() {
		return "", diags
	}
	result := ""
	e.guardFile(consoleName, func() {
		if val, ok := e.evaluate(expr, e.root.scope()); ok {
			result = Spell(val)
		}
	})
	return result, diags
}

// Spell returns a value as HCL writes it.
func Spell(val cty.Value) string {
	if !functions.IsSensitive(val) && val.IsWhollyKnown() {
		val, _ = val.UnmarkDeep()
		return strings.TrimSpace(string(hclwrite.Format(hclwrite.TokensForValue(val).Bytes())))
	}
	outer, marks := val.Unmark()
	switch {
	case len(marks) > 0:
		return "(sensitive value)"
	case !outer.IsKnown():
		return "(known once planned)"
	}
	ty := outer.Type()
	var b strings.Builder
	opening, closing := "[", "]"
	if ty.IsObjectType() || ty.IsMapType() {
		opening, closing = "{", "}"
	}
	b.WriteString(opening + "\n")
	for it := outer.ElementIterator(); it.Next(); {
		key, element := it.Element()
		line := Spell(element)
		if opening == "{" {
			line = key.AsString() + " = " + line
		} else {
			line += ","
		}
		b.WriteString("  " + strings.ReplaceAll(line, "\n", "\n  ") + "\n")
	}
	b.WriteString(closing)
	return b.String()
}
