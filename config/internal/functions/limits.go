package functions

import (
	"errors"
	"fmt"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// The limits of the arguments and of the result of one call, so that a few lines can't fill the memory of a host.
const (
	maxElements = 1 << 20  // values, those within lists and objects included
	maxText     = 16 << 20 // bytes of text, together
	maxExponent = 2048     // of two, for a number: larger ones take long to write out
	maxDigits   = 4096     // characters of a text that is read as a number
)

// A size counts values and bytes of text.
type size struct{ elements, text int }

// A limit is a maximum size, with a noun phrase for the value in messages.
type limit struct {
	size
	noun string
}

var (
	ofArguments = limit{size{maxElements, 2 * maxText}, "the arguments"}
	ofResult    = limit{size{maxElements, maxText}, "the result"}
)

// add counts v and all values within it, and stops with an error above the limit l.
func (s *size) add(v cty.Value, l limit) error {
	v, _ = v.Unmark()
	s.elements++
	switch ty := v.Type(); {
	case !v.IsKnown() || v.IsNull():
	case ty == cty.String:
		s.text += len(v.AsString())
	case ty == cty.Number:
		if err := boundNumber(v); err != nil {
			return err
		}
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next(); {
			key, element := it.Element()
			if key.Type() == cty.String && !ty.IsSetType() {
				s.text += len(key.AsString())
			}
			if err := s.add(element, l); err != nil {
				return err
			}
		}
	}
	return s.bound(l)
}

func (s *size) bound(l limit) error {
	if s.elements > l.elements {
		return fmt.Errorf("%s would hold more than %d values, the maximum", l.noun, l.elements)
	}
	if s.text > l.text {
		return fmt.Errorf("%s would have more than %d MiB of text, the maximum", l.noun, l.text>>20)
	}
	return nil
}

// total returns one number for the size: a value counts 1, and so do 64 bytes of text.
func (s *size) total() int { return s.elements + s.text/64 }

// Size returns the size of v, in values and pieces of text, or an error above the maximum.
func Size(v cty.Value) (int, error) {
	var s size
	l := limit{ofResult.size, "the value"}
	_ = s.add(v, l) // its errors about numbers don't count here
	return s.total(), s.bound(l)
}

// boundNumber refuses numbers that have no short text.
func boundNumber(v cty.Value) error {
	f := v.AsBigFloat()
	if f.IsInf() {
		return errors.New("the number is infinite, or too large")
	}
	if exponent := f.MantExp(nil); exponent > maxExponent || exponent < -maxExponent {
		return errors.New("the number is too large or too small")
	}
	return nil
}

// A bound returns an error where a function must not be called with args, which may be unknown, null or marked.
type bound func(args []cty.Value) error

// bounded returns f with limits on its arguments and its result, and with a further bound of the arguments, if not nil. Its
// errors don't cite sensitive values.
func bounded(f function.Function, further bound) function.Function {
	w := wrapped{f, further, nil}
	params, rest := f.Params(), f.VarParam()
	for i := range params {
		w.open = append(w.open, passAll(&params[i]))
	}
	if rest != nil {
		w.open = append(w.open, passAll(rest))
	}
	return function.New(&function.Spec{Params: params, VarParam: rest, Type: w.typeOf, Impl: w.call})
}

// passAll passes every argument but null to the wrapped function, and reports whether that accepts marked ones.
func passAll(p *function.Parameter) (marked bool) {
	marked = p.AllowMarked
	p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true
	return marked
}

// wrapped is a function with limits.
type wrapped struct {
	function.Function
	bound bound
	open  []bool // for each parameter whether the function accepts marked arguments, and so handles marks itself
}

func (w wrapped) typeOf(args []cty.Value) (cty.Type, error) {
	var s size
	for i, arg := range args {
		if err := s.add(arg, ofArguments); err != nil {
			return cty.NilType, function.NewArgError(i, err)
		}
	}
	if w.bound != nil {
		if err := w.bound(args); err != nil {
			return cty.NilType, w.discreet(args, err)
		}
	}
	ty, err := w.ReturnTypeForValues(args)
	return ty, w.discreet(args, err)
}

func (w wrapped) call(args []cty.Value, _ cty.Type) (cty.Value, error) {
	v, err := w.Call(args)
	if err != nil {
		return cty.NilVal, w.discreet(args, err)
	}
	if !v.IsKnown() {
		// cty drops the marks of a marked argument that is unknown.
		for i, arg := range args {
			if w.takesMarks(i) {
				_, marks := arg.Unmark()
				v = v.WithMarks(marks)
			}
		}
	}
	var s size
	if err := s.add(v, ofResult); err != nil {
		return cty.NilVal, err
	}
	return v, nil
}

func (w wrapped) takesMarks(i int) bool { return w.open[min(i, len(w.open)-1)] }

// discreet replaces an error that may cite a sensitive argument, and cty's error of a panic, whose stack is useless to users.
func (w wrapped) discreet(args []cty.Value, err error) error {
	if err == nil {
		return nil
	}
	for i, arg := range args {
		if !w.takesMarks(i) && IsSensitive(arg) {
			return errors.New("the function can't be called with these values. The reason isn't shown, since one of them is sensitive")
		}
	}
	var p function.PanicError
	if errors.As(err, &p) {
		return fmt.Errorf("the function can't be called with these values: %v", p.Value)
	}
	return err
}

// Checks get arguments that may be unknown. These functions return false for unknown ones.

func textOf(v cty.Value) (string, bool) {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

// elementsOf returns the elements of a list, set or tuple.
func elementsOf(v cty.Value) ([]cty.Value, bool) {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return nil, false
	}
	if ty := v.Type(); !ty.IsListType() && !ty.IsSetType() && !ty.IsTupleType() {
		return nil, false
	}
	return v.AsValueSlice(), true
}

// textSize returns an upper bound of the bytes of text in v.
func textSize(v cty.Value) int {
	var s size
	_ = s.add(v, ofArguments) // checked before
	return s.text
}

// fits returns an error if a text of n bytes is too long, or if n has overflowed.
func fits(n int) error {
	s := size{text: n}
	if n < 0 {
		s.text = maxText + 1
	}
	return s.bound(ofResult)
}
