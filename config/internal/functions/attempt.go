package functions

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// attempts are the functions that evaluate their arguments on their own.
var attempts = map[string]function.Function{
	"can": tryfunc.CanFunc,
	"try": tryFunc,
}

// tryFunc replaces hcl's own try, which evaluates its arguments once for the type and once for the value: thirty nested calls
// take an hour.
var tryFunc = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "expressions", Type: customdecode.ExpressionClosureType},
	Type:     function.StaticReturnType(cty.DynamicPseudoType),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if len(args) == 0 {
			return cty.NilVal, errors.New("at least one argument is required")
		}
		var problems hcl.Diagnostics
		for _, arg := range args {
			v, diags := customdecode.ExpressionClosureFromVal(arg).Value()
			if !diags.HasErrors() {
				if !v.IsWhollyKnown() {
					// It may still fail, and then a later one counts.
					_, marks := v.UnmarkDeep()
					return cty.DynamicVal.WithMarks(marks), nil
				}
				return v, nil
			}
			problems = append(problems, withoutKeys(diags)...)
		}
		var b strings.Builder
		b.WriteString("no expression succeeded")
		for _, d := range problems {
			fmt.Fprintf(&b, "; %s: %s", d.Summary, strings.TrimSuffix(d.Detail, "."))
			if b.Len() > maxTryError {
				b.WriteString(" …")
				break
			}
		}
		return cty.NilVal, errors.New(b.String())
	},
})

// maxTryError limits the text of failures in bytes: each of several nested calls would repeat the failures of all inner ones.
const maxTryError = 2000
