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

// tryFunc is what hcl's own would be, had that not to evaluate its arguments once for the type and once for the value:
// thirty of those within each other take an hour.
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
					// It may yet fail, and then a later one counts.
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

// maxTryError bounds what is said of failures: with calls within each other, each would repeat all of those below.
const maxTryError = 2000
