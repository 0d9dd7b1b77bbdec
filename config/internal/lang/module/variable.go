package module

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

// Variable is an input variable of a module.
type Variable struct {
	Name        string
	Description string
	// Type is the type that a value is converted to; defaults hold the defaults of optional attributes of its objects.
	Type     cty.Type
	defaults *typeexpr.Defaults
	// Default is used where no value is given, cty.NilVal where one must be.
	Default             cty.Value
	Sensitive, nullable bool
	// Typed says that a type is stated, even any: texts that are assigned are then expressions, save for primitive types.
	Typed       bool
	Validations []*Condition
	Declared    resource.Range
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
	if first := c.module.Variables[name]; first != nil {
		c.diags.Errorf(source.RangeOf(b.DefRange()), "", "Duplicate variable", "The variable %q is already declared at %s. Keep one of them.", name, first.Declared)
		return
	}
	content, problems := b.Body.Content(variableSchema)
	source.Report(problems, c.diags)
	v := &Variable{Name: name, Type: cty.DynamicPseudoType, nullable: true, Declared: source.RangeOf(b.DefRange())}
	c.module.Variables[name] = v
	for key, attr := range content.Attributes {
		switch key {
		case "type":
			v.Type, v.defaults = c.typeOf(attr)
			v.Typed = true
		case "description":
			v.Description = constantText(attr, c.diags)
		case "sensitive":
			v.Sensitive = ConstantBool(attr, c.diags)
		case "nullable":
			v.nullable = ConstantBool(attr, c.diags)
		case "ephemeral":
			c.noEphemeral(attr)
		}
	}
	if attr := content.Attributes["default"]; attr != nil {
		v.Default = c.fallback(v, attr)
	}
	for _, nested := range content.Blocks {
		if r := NewCondition(nested, c.diags); r != nil {
			v.Validations = append(v.Validations, r)
		}
	}
}

// noEphemeral refuses an argument of Terraform's that asks for more than there is.
func (c *collector) noEphemeral(attr *hcl.Attribute) {
	if ConstantBool(attr, c.diags) {
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
func (c *collector) fallback(v *Variable, attr *hcl.Attribute) cty.Value {
	val, problems := functions.Literal(attr.Expr)
	source.Report(problems, c.diags)
	if problems.HasErrors() {
		return cty.DynamicVal
	}
	if val.IsNull() && !v.nullable {
		c.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Invalid default", "The variable %s is not nullable, but its default is null. Give it a value, or remove nullable = false.", v.Name)
		return cty.DynamicVal
	}
	converted, err := v.convert(val)
	if err != nil {
		c.diags.Errorf(source.RangeOf(attr.Expr.Range()), "", "Invalid default", "The default of the variable %s is not of its type: %s.", v.Name, typeError(err))
		return cty.DynamicVal
	}
	return converted
}

// convert returns val in the type of the variable.
func (v *Variable) convert(val cty.Value) (cty.Value, error) {
	if err := functions.BoundInput(val); err != nil {
		return cty.DynamicVal, err
	}
	if v.defaults != nil && !val.IsNull() {
		val = v.defaults.Apply(val)
	}
	return convert.Convert(val, v.Type)
}

// Given returns the value of the variable for val, which may be null, or an error about its type.
func (v *Variable) Given(val cty.Value) (cty.Value, error) {
	converted, err := v.convert(val)
	if err != nil {
		return cty.DynamicVal, fmt.Errorf("it must be of the type %s: %s", typeexpr.TypeString(v.Type), typeError(err))
	}
	if converted.IsNull() && !v.nullable {
		if v.Default == cty.NilVal {
			return cty.DynamicVal, fmt.Errorf("it must not be null")
		}
		return v.Default, nil
	}
	return converted, nil
}

// typeError returns the text of a conversion's error, without values.
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
