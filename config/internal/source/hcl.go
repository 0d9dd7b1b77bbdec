package source

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/resource"
)

// ParseHCL returns the body of an HCL file, or reports why it can't be parsed.
func ParseHCL(name string, data []byte, diags *resource.Diagnostics) (*hclsyntax.Body, bool) {
	if !Bounded(name, data, diags) {
		return nil, false
	}
	file, problems := hclsyntax.ParseConfig(data, name, hcl.InitialPos)
	Report(FirstOfEach(problems), diags)
	if problems.HasErrors() {
		return nil, false
	}
	return file.Body.(*hclsyntax.Body), true
}

// Report adds the diagnostics of the HCL library to diags.
func Report(problems hcl.Diagnostics, diags *resource.Diagnostics) {
	for _, p := range problems {
		d := resource.Diagnostic{Severity: resource.Error, Summary: strings.TrimSuffix(p.Summary, "."), Detail: p.Detail}
		if p.Severity == hcl.DiagWarning {
			d.Severity = resource.Warning
		}
		if p.Subject != nil {
			d.Subject = RangeOf(*p.Subject)
		}
		*diags = append(*diags, d)
	}
}

// SortedAttributes returns the arguments of body in the order of the source.
func SortedAttributes(body *hclsyntax.Body) []*hclsyntax.Attribute {
	attrs := make([]*hclsyntax.Attribute, 0, len(body.Attributes))
	for _, a := range body.Attributes {
		attrs = append(attrs, a)
	}
	slices.SortFunc(attrs, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	return attrs
}

// RangeOf returns a range of the HCL library as one of ours.
func RangeOf(r hcl.Range) resource.Range {
	pos := func(p hcl.Pos) resource.Pos { return resource.Pos{Line: p.Line, Column: p.Column, Byte: p.Byte} }
	return resource.Range{File: r.Filename, Start: pos(r.Start), End: pos(r.End)}
}

// FirstOfEach leaves out repetitions: after one forgotten quote, every line that follows looks wrong.
func FirstOfEach(problems hcl.Diagnostics) hcl.Diagnostics {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(problems), func(p *hcl.Diagnostic) bool {
		key := p.Summary + p.Detail
		repeated := seen[key]
		seen[key] = true
		return repeated
	})
}

// StepName returns the name that a step of a traversal names, as .name or as ["name"].
func StepName(step hcl.Traverser) (string, bool) {
	switch s := step.(type) {
	case hcl.TraverseAttr:
		return s.Name, true
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String && s.Key.IsKnown() && !s.Key.IsNull() {
			return s.Key.AsString(), true
		}
	}
	return "", false
}
