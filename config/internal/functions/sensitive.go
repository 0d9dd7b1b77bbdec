package functions

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

type mark string

// Sensitive is the mark on values that must not be shown.
const Sensitive = mark("sensitive")

// IsSensitive reports whether v, or anything within it, is marked as [Sensitive].
func IsSensitive(v cty.Value) bool {
	_, marks := v.UnmarkDeep()
	_, ok := marks[Sensitive]
	return ok
}

// sensitivities are functions about the marks of a value, and so accept marked values.
var sensitivities = map[string]function.Function{
	"sensitive": markFunc(func(v cty.Value) cty.Value {
		return v.Mark(Sensitive)
	}),
	"nonsensitive": markFunc(func(v cty.Value) cty.Value {
		v, marks := v.Unmark()
		delete(marks, Sensitive)
		return v.WithMarks(marks)
	}),
	"issensitive": function.New(&function.Spec{
		Params: []function.Parameter{anything("value")},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if args[0].HasMark(Sensitive) {
				return cty.True, nil
			}
			if !args[0].IsKnown() {
				// It may still become sensitive.
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.False, nil
		},
	}),
}

func markFunc(change func(cty.Value) cty.Value) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{anything("value")},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return change(args[0]), nil
		},
	})
}

// anything is a parameter for every value, whatever its marks.
func anything(name string) function.Parameter {
	return function.Parameter{
		Name: name, Type: cty.DynamicPseudoType,
		AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
	}
}
