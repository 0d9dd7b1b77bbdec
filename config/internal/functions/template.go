package functions

import (
	"fmt"
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/sandbox"
)

// maxTemplate is the maximum size of the source of a template, in bytes.
const maxTemplate = 1 << 20

// templates returns the functions that render templates, which can call the functions of table.
func templates(f sandbox.Files, table map[string]function.Function) map[string]function.Function {
	inner := maps.Clone(table)
	for _, name := range []string{"templatefile", "templatestring"} {
		// A template could render itself, without end.
		inner[name] = function.New(&function.Spec{
			VarParam: &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true},
			Type: func([]cty.Value) (cty.Type, error) {
				return cty.NilType, fmt.Errorf("a template can't render another. Call %s outside, and pass its result", name)
			},
			Impl: func([]cty.Value, cty.Type) (cty.Value, error) { return cty.NilVal, nil },
		})
	}
	return map[string]function.Function{
		"templatefile": templateFunc("path", inner, func(path string) (string, string, error) {
			source, err := readText(f, path)
			return path, source, err
		}),
		"templatestring": templateFunc("template", inner, func(source string) (string, string, error) {
			return "<template>", source, nil
		}),
	}
}

// templateFunc makes a function that renders a template, whose name and source load returns for the first argument. Sensitive
// variables in the second argument that the template doesn't use don't make the result sensitive.
func templateFunc(param string, table map[string]function.Function, load func(string) (name, source string, err error)) function.Function {
	return bounded(function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: param, Type: cty.String},
			{Name: "vars", Type: cty.DynamicPseudoType, AllowMarked: true},
		},
		// The type follows only from rendering, which must happen once.
		Type: func(args []cty.Value) (cty.Type, error) {
			if ty := args[1].Type(); !ty.IsObjectType() && !ty.IsMapType() && ty != cty.DynamicPseudoType {
				return cty.NilType, function.NewArgErrorf(1, "must be an object or a map with the variables of the template, and not %s", ty.FriendlyName())
			}
			return cty.DynamicPseudoType, nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name, source, err := load(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			vars, marks := args[1].Unmark()
			v, err := render(name, source, vars.AsValueMap(), table)
			if err != nil {
				return cty.NilVal, err
			}
			return v.WithMarks(marks), nil
		},
	}), nil)
}

func render(name, source string, vars map[string]cty.Value, table map[string]function.Function) (cty.Value, error) {
	if len(source) > maxTemplate {
		return cty.NilVal, function.NewArgErrorf(0, "the template is larger than %d MiB", maxTemplate>>20)
	}
	for variable := range vars {
		if !hclsyntax.ValidIdentifier(variable) {
			return cty.NilVal, function.NewArgErrorf(1, "%q can't be the name of a variable. Use letters, digits and _, and begin with a letter", message.Shorten(variable))
		}
	}
	if err := boundNesting(name, []byte(source)); err != nil {
		return cty.NilVal, function.NewArgError(0, err)
	}
	expr, diags := hclsyntax.ParseTemplate([]byte(source), name, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, function.NewArgError(0, first(diags))
	}
	for _, traversal := range expr.Variables() {
		if _, ok := vars[traversal.RootName()]; !ok {
			at := traversal.SourceRange()
			return cty.NilVal, function.NewArgErrorf(1, "the template uses %s at %s, but no variable of that name is passed", message.Shorten(traversal.RootName()), where(at))
		}
	}
	v, diags := Bounded(expr).Value(&hcl.EvalContext{Variables: vars, Functions: table})
	if diags.HasErrors() {
		return cty.NilVal, first(diags)
	}
	return v, nil
}

// first returns the first error in the diagnostics of a template.
func first(diags hcl.Diagnostics) error {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		if d.Subject == nil {
			return fmt.Errorf("%s: %s", d.Summary, d.Detail)
		}
		return fmt.Errorf("%s: %s: %s", where(*d.Subject), d.Summary, d.Detail)
	}
	return diags
}

func where(r hcl.Range) string {
	return fmt.Sprintf("%s:%d,%d", r.Filename, r.Start.Line, r.Start.Column)
}
