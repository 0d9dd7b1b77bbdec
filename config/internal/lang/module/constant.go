package module

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// constantText returns the value of an argument that must be a text, written out.
func constantText(attr *hcl.Attribute, diags *resource.Diagnostics) string {
	val := constant(attr, diags, cty.String, "a text that is written out")
	if val == cty.NilVal {
		return ""
	}
	return val.AsString()
}

// ConstantBool returns the value of an argument that must be true or false, written out.
func ConstantBool(attr *hcl.Attribute, diags *resource.Diagnostics) bool {
	val := constant(attr, diags, cty.Bool, "true or false, written out")
	return val != cty.NilVal && val.True()
}

func constant(attr *hcl.Attribute, diags *resource.Diagnostics, ty cty.Type, form string) cty.Value {
	val, problems := functions.Literal(attr.Expr)
	if !problems.HasErrors() {
		converted, err := convert.Convert(val, ty)
		if err == nil && !converted.IsNull() && converted.IsKnown() {
			return converted
		}
	}
	diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Wrong type", "%s must be %s.", attr.Name, form)
	return cty.NilVal
}
