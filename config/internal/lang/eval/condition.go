package eval

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// result is that of a condition.
type result int

// The results. A condition with an error, which has been reported, is unknown.
const (
	unknown result = iota
	does
	doesNot
)

// holds evaluates a condition. Where it does not hold, its error message is reported with the summary, as an error or a
// warning, and returned.
func (e *Evaluator) holds(r *module.Condition, s *Scope, severity resource.Severity, summary string, about resource.Path) (result, string) {
	val, ok := e.evaluate(r.Expr, s)
	if !ok {
		return unknown, ""
	}
	val, _ = val.UnmarkDeep()
	at := source.RangeOf(r.Expr.Range())
	val, err := convert.Convert(val, cty.Bool)
	switch {
	case err != nil || val.IsNull():
		e.diags.Errorf(at, about, "Wrong type", "A condition must be true or false.")
		return unknown, ""
	case !val.IsKnown():
		e.Pending = true
		return unknown, ""
	case val.True():
		return does, ""
	}
	message, ok := e.evaluate(r.ErrorMessage, s)
	if !ok {
		return unknown, ""
	}
	said := "The error message holds a sensitive value, and can't be shown."
	if !functions.IsSensitive(message) {
		text, err := convert.Convert(message, cty.String)
		if err != nil || text.IsNull() || !text.IsKnown() {
			e.diags.Errorf(source.RangeOf(r.ErrorMessage.Range()), about, "Wrong type", "An error message must be a text.")
			return unknown, ""
		}
		said = text.AsString()
	}
	*e.diags = append(*e.diags, resource.Diagnostic{
		Severity: severity, Summary: summary, Subject: at, Path: about,
		Detail: fmt.Sprintf("%s\n\nThe rule is at %s.", strings.TrimSpace(said), r.At),
	})
	return doesNot, strings.TrimSpace(said)
}
