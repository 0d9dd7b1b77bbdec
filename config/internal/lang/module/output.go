package module

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// Output is an output value of a module.
type Output struct {
	Description string
	Value       *hclsyntax.Attribute
	// DependsOn names the resources that it waits for besides those that its value refers to, or is nil.
	DependsOn     *hclsyntax.Attribute
	Sensitive     bool
	Preconditions []*Condition
	Declared      resource.Range
}

var outputSchema = &hcl.BodySchema{
	Attributes: []hcl.AttributeSchema{{Name: "value", Required: true}, {Name: "description"}, {Name: "sensitive"}, {Name: "depends_on"}, {Name: "ephemeral"}},
	Blocks:     []hcl.BlockHeaderSchema{{Type: "precondition"}},
}

func (c *collector) addOutput(b *hclsyntax.Block) {
	name := c.identifier(b)
	if name == "" {
		return
	}
	if first := c.module.Outputs[name]; first != nil {
		c.diags.Errorf(source.RangeOf(b.DefRange()), "", "Duplicate output", "The output %q is already declared at %s. Keep one of them.", name, first.Declared)
		return
	}
	content, problems := b.Body.Content(outputSchema)
	source.Report(problems, c.diags)
	o := &Output{Value: b.Body.Attributes["value"], DependsOn: b.Body.Attributes["depends_on"], Declared: source.RangeOf(b.DefRange())}
	if attr := content.Attributes["description"]; attr != nil {
		o.Description = constantText(attr, c.diags)
	}
	if attr := content.Attributes["sensitive"]; attr != nil {
		o.Sensitive = ConstantBool(attr, c.diags)
	}
	if attr := content.Attributes["ephemeral"]; attr != nil {
		c.noEphemeral(attr)
	}
	for _, nested := range content.Blocks {
		if r := NewCondition(nested, c.diags); r != nil {
			o.Preconditions = append(o.Preconditions, r)
		}
	}
	if o.Value != nil {
		c.module.Outputs[name] = o
	}
}
