package variable

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/lang/module"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Assignment sets one variable, or those of a file.
type Assignment struct {
	// File names a file of assignments; where it is empty, Name and Text set one variable.
	File, Name, Text string
}

// EnvPrefix begins the names of environment variables that set variables.
const EnvPrefix = "KUKE_VAR_"

// Value is a value for a variable of the root module, and its origin.
type Value struct {
	// text is read by the type of the variable, where value is cty.NilVal.
	text  string
	value cty.Value
	// At is the place in a file of assignments; From names the place in words.
	At   resource.Range
	From string
	// Unusable says that a value may be assigned, but where that can't be read, which has been reported.
	Unusable bool
}

// Entered returns a value that the user typed when asked for it.
func Entered(text string) Value { return Value{text: text, From: "the value entered"} }

// Parse returns the value for v: an assigned text is itself for a variable that takes one, else an expression.
func (a Value) Parse(v *module.Variable) (cty.Value, error) {
	if a.value != cty.NilVal {
		return a.value, nil
	}
	if v.Type.IsPrimitiveType() || !v.Typed {
		return cty.StringVal(a.text), nil
	}
	var refused resource.Diagnostics
	if !source.Bounded("", []byte(a.text), &refused) {
		return cty.NilVal, errors.New(refused[0].Detail)
	}
	expr, problems := hclsyntax.ParseExpression([]byte(a.text), "", hcl.InitialPos)
	if !problems.HasErrors() {
		var val cty.Value
		if val, problems = functions.Literal(expr); !problems.HasErrors() {
			return val, nil
		}
	}
	return cty.NilVal, fmt.Errorf("it must be an expression of the type %s, such as [\"a\", \"b\"] or {a = 1}: %s", typeexpr.TypeString(v.Type), strings.TrimSuffix(problems[0].Detail, "."))
}
