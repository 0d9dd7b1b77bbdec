package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kukeon/kuke/config/internal/functions"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// variable is an input of a module.
type variable struct {
	name        string
	description string
	// ty is what a value is converted to; defaults are those of optional attributes of objects in it.
	ty       cty.Type
	defaults *typeexpr.Defaults
	// fallback is used where no value is given, cty.NilVal where one must be.
	fallback            cty.Value
	sensitive, nullable bool
	// typed says that a type is stated, even any: texts that are assigned are then expressions, save for primitive types.
	typed    bool
	rules    []*rule
	declared resource.Range
}

// rule is a condition that must hold, and what to say where it doesn't.
type rule struct {
	condition, message hclsyntax.Expression
	at                 resource.Range
}

var ruleSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "condition", Required: true}, {Name: "error_message", Required: true}},
}

// newRule reads a block validation, precondition, postcondition or assert, or returns nil once it has said what is wrong.
func newRule(b *hcl.Block, diags *resource.Diagnostics) *rule {
	_, problems := b.Body.Content(ruleSchema)
	source.Report(problems, diags)
	if problems.HasErrors() {
		return nil
	}
	attrs := b.Body.(*hclsyntax.Body).Attributes
	return &rule{condition: attrs["condition"].Expr, message: attrs["error_message"].Expr, at: source.RangeOf(b.DefRange)}
}

var variableSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "type"}, {Name: "default"}, {Name: "description"}, {Name: "sensitive"}, {Name: "nullable"}, {Name: "ephemeral"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "validation"}},
}

// taken are names of inputs that a module's block uses for something else.
var taken = map[string]bool{"source": true, "version": true, "parent": true, "providers": true, "for_each": true, "count": true, "depends_on": true, "lifecycle": true}

func (c *collector) addVariable(b *hclsyntax.Block) {
	name := c.identifier(b)
	if name == "" {
		return
	}
	if taken[name] {
		c.diags.Errorf(source.RangeOf(b.LabelRanges[0]), "", "Reserved name", "No variable can be called %q, since that means something else in the block of a module. Choose another name.", name)
		return
	}
	if first := c.module.variables[name]; first != nil {
		c.diags.Errorf(source.RangeOf(b.DefRange()), "", "Duplicate variable", "The variable %q is already declared at %s. Keep one of them.", name, first.declared)
		return
	}
	content, problems := b.Body.Content(variableSchema)
	source.Report(problems, c.diags)
	v := &variable{name: name, ty: cty.DynamicPseudoType, nullable: true, declared: source.RangeOf(b.DefRange())}
	c.module.variables[name] = v
	for key, attr := range content.Attributes {
		switch key {
		case "type":
			v.ty, v.defaults = c.typeOf(attr)
			v.typed = true
		case "description":
			v.description = constantText(attr, c.diags)
		case "sensitive":
			v.sensitive = constantBool(attr, c.diags)
		case "nullable":
			v.nullable = constantBool(attr, c.diags)
		case "ephemeral":
			c.noEphemeral(attr)
		}
	}
	if attr := content.Attributes["default"]; attr != nil {
		v.fallback = c.fallback(v, attr)
	}
	for _, nested := range content.Blocks {
		if r := newRule(nested, c.diags); r != nil {
			v.rules = append(v.rules, r)
		}
	}
}

// noEphemeral refuses an argument of Terraform's that asks for more than there is.
func (c *collector) noEphemeral(attr *hcl.Attribute) {
	if constantBool(attr, c.diags) {
		c.diags.Errorf(source.RangeOf(attr.NameRange), "", "Unsupported argument", "There are no ephemeral values. Write sensitive = true, which keeps a value from being shown, or use a secret.")
	}
}

// typeOf reads a type constraint. It also takes the bare words list and map, as lists and maps of anything.
func (c *collector) typeOf(attr *hcl.Attribute) (cty.Type, *typeexpr.Defaults) {
	switch hcl.ExprAsKeyword(attr.Expr) {
	case "list":
		return cty.List(cty.DynamicPseudoType), nil
	case "map":
		return cty.Map(cty.DynamicPseudoType), nil
	}
	ty, defaults, problems := typeexpr.TypeConstraintWithDefaults(attr.Expr)
	source.Report(problems, c.diags)
	if problems.HasErrors() {
		return cty.DynamicPseudoType, nil
	}
	return ty, defaults
}

// fallback returns the default of a variable, in its type.
func (c *collector) fallback(v *variable, attr *hcl.Attribute) cty.Value {
	val, problems := functions.Literal(attr.Expr)
	source.Report(problems, c.diags)
	if problems.HasErrors() {
		return cty.DynamicVal
	}
	if val.IsNull() && !v.nullable {
		c.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Invalid default", "The variable %s is not nullable, but its default is null. Give it a value, or take nullable = false away.", v.name)
		return cty.DynamicVal
	}
	converted, err := v.convert(val)
	if err != nil {
		c.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Invalid default", "The default of the variable %s is not of its type: %s.", v.name, typeError(err))
		return cty.DynamicVal
	}
	return converted
}

// convert returns val in the type of the variable.
func (v *variable) convert(val cty.Value) (cty.Value, error) {
	if err := functions.CheckInput(val); err != nil {
		return cty.DynamicVal, err
	}
	if v.defaults != nil && !val.IsNull() {
		val = v.defaults.Apply(val)
	}
	return convert.Convert(val, v.ty)
}

// given returns the value of the variable for val, which may be null, or says what is wrong with it.
func (v *variable) given(val cty.Value) (cty.Value, error) {
	converted, err := v.convert(val)
	if err != nil {
		return cty.DynamicVal, fmt.Errorf("it must be of the type %s: %s", typeexpr.TypeString(v.ty), typeError(err))
	}
	if converted.IsNull() && !v.nullable {
		if v.fallback == cty.NilVal {
			return cty.DynamicVal, fmt.Errorf("it must not be null")
		}
		return v.fallback, nil
	}
	return converted, nil
}

// typeError is what a conversion says, without values.
func typeError(err error) string {
	if path, ok := err.(cty.PathError); ok && len(path.Path) > 0 {
		return fmt.Sprintf("at %s, %s", pathText(path.Path), path.Error())
	}
	return err.Error()
}

func pathText(p cty.Path) string {
	var b strings.Builder
	for _, step := range p {
		switch s := step.(type) {
		case cty.GetAttrStep:
			b.WriteString("." + s.Name)
		case cty.IndexStep:
			if s.Key.Type() == cty.Number {
				b.WriteString("[" + s.Key.AsBigFloat().Text('f', -1) + "]")
			} else if s.Key.Type() == cty.String {
				fmt.Fprintf(&b, "[%q]", s.Key.AsString())
			}
		}
	}
	return strings.TrimPrefix(b.String(), ".")
}

// mark adds to val that it is sensitive.
func mark(val cty.Value, sensitive bool) cty.Value {
	if !sensitive {
		return val
	}
	return val.Mark(functions.Sensitive)
}

// constantText returns the value of an argument that must be a text, written out.
func constantText(attr *hcl.Attribute, diags *resource.Diagnostics) string {
	val := constant(attr, diags, cty.String, "a text that is written out")
	if val == cty.NilVal {
		return ""
	}
	return val.AsString()
}

// constantBool returns the value of an argument that must be true or false, written out.
func constantBool(attr *hcl.Attribute, diags *resource.Diagnostics) bool {
	val := constant(attr, diags, cty.Bool, "true or false, written out")
	return val != cty.NilVal && val.True()
}

func constant(attr *hcl.Attribute, diags *resource.Diagnostics, ty cty.Type, what string) cty.Value {
	val, problems := functions.Literal(attr.Expr)
	if !problems.HasErrors() {
		converted, err := convert.Convert(val, ty)
		if err == nil && !converted.IsNull() && converted.IsKnown() {
			return converted
		}
	}
	diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Wrong type", "%s must be %s.", attr.Name, what)
	return cty.NilVal
}
