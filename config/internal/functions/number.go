package functions

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var numbers = map[string]function.Function{
	"abs":      stdlib.AbsoluteFunc,
	"ceil":     stdlib.CeilFunc,
	"floor":    stdlib.FloorFunc,
	"log":      stdlib.LogFunc,
	"max":      stdlib.MaxFunc,
	"min":      stdlib.MinFunc,
	"parseint": stdlib.ParseIntFunc,
	"pow":      stdlib.PowFunc,
	"signum":   stdlib.SignumFunc,
	"sum":      sumFunc,
}

var sumFunc = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		elements, ok := elementsOf(args[0])
		if !ok {
			return cty.NilVal, function.NewArgErrorf(0, "must be a list, a set or a tuple of numbers, and not %s", args[0].Type().FriendlyName())
		}
		if len(elements) == 0 {
			return cty.NilVal, function.NewArgErrorf(0, "the list is empty")
		}
		sum := cty.Zero
		for _, element := range elements {
			if err := boundToNumber([]cty.Value{element}); err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			n, err := convert.Convert(element, cty.Number)
			if err != nil || n.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "must hold numbers only")
			}
			if n.IsKnown() {
				if err := boundNumber(n); err != nil {
					return cty.NilVal, function.NewArgError(0, err)
				}
			}
			sum = sum.Add(n)
		}
		return sum, nil
	},
})

// boundToNumber limits the texts that are parsed as numbers, since the time grows with the square of their length.
func boundToNumber(args []cty.Value) error {
	if text, ok := textOf(args[0]); ok && len(text) > maxDigits {
		return function.NewArgErrorf(0, "the text has more than %d characters, too many for a number", maxDigits)
	}
	return nil
}

func boundParseInt(args []cty.Value) error {
	return boundToNumber(args)
}

func boundPow(args []cty.Value) error {
	return boundFloat(args, math.Pow, "the power")
}

func boundLog(args []cty.Value) error {
	return boundFloat(args, func(x, base float64) float64 { return math.Log(x) / math.Log(base) }, "the logarithm")
}

// boundFloat refuses arguments without a finite result, since cty can express no other.
func boundFloat(args []cty.Value, f func(x, y float64) float64, name string) error {
	x, okX := floatOf(args[0])
	y, okY := floatOf(args[1])
	if !okX || !okY {
		return nil
	}
	switch result := f(x, y); {
	case math.IsNaN(result):
		return fmt.Errorf("%s of these numbers doesn't exist", name)
	case math.IsInf(result, 0):
		return errors.New("the number is infinite, or too large")
	}
	return nil
}

func floatOf(v cty.Value) (float64, bool) {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() || v.Type() != cty.Number {
		return 0, false
	}
	f, _ := v.AsBigFloat().Float64()
	return f, true
}

// wholeOf returns the whole number in v, or false if it is too large.
func wholeOf(v cty.Value) (int, bool) {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() || v.Type() != cty.Number {
		return 0, false
	}
	n, accuracy := v.AsBigFloat().Int64()
	if accuracy != big.Exact || n > math.MaxInt32 || n < math.MinInt32 {
		return 0, false
	}
	return int(n), true
}
