package functions

import (
	"errors"
	"fmt"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// What goes into one call, and what comes out of it, is bounded, so that a few lines can't fill the memory of a host.
const (
	maxElements = 1 << 20  // values, those within lists and objects included
	maxText     = 16 << 20 // bytes of text, together
	maxExponent = 2048     // of two, for a number: others take long to write out
	maxDigits   = 4096     // characters of a text that is read as a number
)

// A size counts values and bytes of text.
type size struct{ elements, text int }

// A limit says how much is too much, and of what.
type limit struct {
	size
	what string
}

var (
	ofArguments = limit{size{maxElements, 2 * maxText}, "the arguments"}
	ofResult    = limit{size{maxElements, maxText}, "the result"}
)

// add counts v and all within it, and stops with an error once that is more than l allows.
func (s *size) add(v cty.Value, l limit) error {
	v, _ = v.Unmark()
	s.elements++
	switch ty := v.Type(); {
	case !v.IsKnown() || v.IsNull():
	case ty == cty.String:
		s.text += len(v.AsString())
	case ty == cty.Number:
		if err := checkNumber(v); err != nil {
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
	return s.check(l)
}

func (s *size) check(l limit) error {
	if s.elements > l.elements {
		return fmt.Errorf("%s would hold more than %d values, the most that is allowed", l.what, l.elements)
	}
	if s.text > l.text {
		return fmt.Errorf("%s would have more than %d MiB of text, the most that is allowed", l.what, l.text>>20)
	}
	return nil
}

// total returns one number for the size, in which a piece of text counts as much as a value.
func (s *size) total() int { return s.elements + s.text/64 }

// Size returns how large v is, in values and pieces of text, or why it is too large for anything.
func Size(v cty.Value) (int, error) {
	var s size
	l := limit{ofResult.size, "this"}
	_ = s.add(v, l) // which also says what is wrong with numbers
	return s.total(), s.check(l)
}

// checkNumber refuses numbers that have no short text.
func checkNumber(v cty.Value) error {
	f := v.AsBigFloat()
	if f.IsInf() {
		return errors.New("the number is infinite, or too large for anything here")
	}
	if exponent := f.MantExp(nil); exponent > maxExponent || exponent < -maxExponent {
		return errors.New("the number is too large or too small for anything here")
	}
	return nil
}

// A check returns why a function must not be called with args, which may be unknown, null or marked.
type check func(args []cty.Value) error

// bounded returns f with limits on its arguments and its result. what, if not nil, is asked before f is. Its errors
// don't cite what is sensitive.
func bounded(f function.Function, what check) function.Function {
	w := wrapped{f, what, nil}
	params, rest := f.Params(), f.VarParam()
	for i := range params {
		w.open = append(w.open, passAll(&params[i]))
	}
	if rest != nil {
		w.open = append(w.open, passAll(rest))
	}
	return function.New(&function.Spec{Params: params, VarParam: rest, Type: w.typeOf, Impl: w.call})
}

// passAll lets every argument but null through to the function that is wrapped, and reports whether that one takes
// marked ones.
func passAll(p *function.Parameter) (marked bool) {
	marked = p.AllowMarked
	p.AllowUnknown, p.AllowDynamicType, p.AllowMarked = true, true, true
	return marked
}

// wrapped is a function within bounds.
type wrapped struct {
	function.Function
	check
	open []bool // for each parameter whether the function takes marked arguments, and so keeps an eye on them itself
}

func (w wrapped) typeOf(args []cty.Value) (cty.Type, error) {
	var s size
	for i, arg := range args {
		if err := s.add(arg, ofArguments); err != nil {
			return cty.NilType, function.NewArgError(i, err)
		}
	}
	if w.check != nil {
		if err := w.check(args); err != nil {
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
		// Where a marked argument is unknown too, cty forgets its marks.
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

// discreet replaces an error that may cite a sensitive argument, and the one that cty makes of a panic: users can't do
// anything with a stack.
func (w wrapped) discreet(args []cty.Value, err error) error {
	if err == nil {
		return nil
	}
	for i, arg := range args {
		if !w.takesMarks(i) && IsSensitive(arg) {
			return errors.New("the function can't do this with these values; why isn't shown, since one of them is sensitive")
		}
	}
	var p function.PanicError
	if errors.As(err, &p) {
		return fmt.Errorf("the function can't do this with these values: %v", p.Value)
	}
	return err
}

// Checks see arguments that may be unknown. These return false if there is nothing to look at yet.

func textOf(v cty.Value) (string, bool) {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}

// elementsOf returns what a list, set or tuple holds.
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

// textSize returns how many bytes of text are in v, at most.
func textSize(v cty.Value) int {
	var s size
	_ = s.add(v, ofArguments) // judged before
	return s.text
}

// fits returns an error if a text of n bytes is too long, or if n has overflown.
func fits(n int) error {
	s := size{text: n}
	if n < 0 {
		s.text = maxText + 1
	}
	return s.check(ofResult)
}
