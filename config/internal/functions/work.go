package functions

import (
	"errors"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// ofExpression limits the values in the loops, the templates and the calls of an expression, over all rounds.
var ofExpression = limit{size{2 * maxElements, 4 * maxText}, "the evaluation of this expression"}

// Bounded returns an expression with the value of expr that fails with a diagnostic once the values in its loops, templates and
// calls exceed a limit: a few nested loops would run for years otherwise. It changes expr, which must not be evaluated on its
// own afterwards, nor by two goroutines at a time.
func Bounded(expr hclsyntax.Expression) *BoundedExpr {
	variables := expr.Variables()
	work := &size{}
	var nodes []hclsyntax.Node
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		nodes = append(nodes, n)
		return nil
	})
	counted := func(e *hclsyntax.Expression) {
		if *e != nil {
			*e = &countedExpr{*e, work, false}
		}
	}
	converted := func(e *hclsyntax.Expression) { *e = &countedExpr{*e, work, true} }
	for _, n := range nodes {
		switch n := n.(type) {
		case *hclsyntax.ForExpr:
			l := &loop{}
			if n.KeyExpr != nil && !n.Group {
				l.key = n.KeyExpr.Range()
			}
			l.begins(&n.CollExpr)
			for _, part := range []*hclsyntax.Expression{&n.CondExpr, &n.KeyExpr, &n.ValExpr} {
				counted(part)
				l.repeats(part)
			}
		case *hclsyntax.TemplateExpr:
			for i := range n.Parts {
				counted(&n.Parts[i])
			}
		case *hclsyntax.FunctionCallExpr:
			for i := range n.Args {
				converted(&n.Args[i])
			}
		case *hclsyntax.ConditionalExpr:
			converted(&n.TrueResult)
			converted(&n.FalseResult)
		case *hclsyntax.SplatExpr:
			counted(&n.Source)
			l := &loop{}
			l.begins(&n.Source)
			l.repeats(&n.Each)
		case *hclsyntax.BinaryOpExpr:
			counted(&n.LHS)
			counted(&n.RHS)
		}
	}
	return &BoundedExpr{expr, work, variables}
}

// Literal returns the value of an expression without references, within the same limits.
func Literal(expr hcl.Expression) (cty.Value, hcl.Diagnostics) {
	if written, ok := expr.(hclsyntax.Expression); ok {
		expr = Bounded(written)
	}
	return expr.Value(nil)
}

// BoundedExpr counts the values of each evaluation from zero.
type BoundedExpr struct {
	hclsyntax.Expression
	work      *size
	variables []hcl.Traversal // hclsyntax doesn't find variables within a countedExpr
}

// Variables returns the references of the expression.
func (e *BoundedExpr) Variables() []hcl.Traversal { return e.variables }

// Value evaluates the expression.
func (e *BoundedExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	*e.work = size{}
	v, diags := e.Expression.Value(ctx)
	if err := e.work.bound(ofExpression); err != nil {
		// This discards the errors of further loops, and a value from try.
		return cty.DynamicVal, tooMuch(err, e.Range())
	}
	return v, withoutKeys(diags)
}

// Worked returns the number of values and pieces of text in the last evaluation.
func (e *BoundedExpr) Worked() int { return e.work.total() }

// withoutKeys removes sensitive keys from the diagnostics of for expressions about duplicates: no other diagnostic of HCL cites
// a value.
func withoutKeys(diags hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range diags {
		if d.Summary != "Duplicate object key" || d.Expression == nil || d.EvalContext == nil {
			continue
		}
		if key, _ := d.Expression.Value(d.EvalContext); IsSensitive(key) {
			d.Detail = "Two different items produced the same key, which is sensitive, in this 'for' expression. If duplicates are expected, use the ellipsis (...) after the value expression to enable grouping by key."
		}
	}
	return diags
}

// countedExpr adds its value to the work. Above the limit it is no longer evaluated.
type countedExpr struct {
	hclsyntax.Expression
	work *size
	// converted says that its value may be converted to another type.
	converted bool
}

func (e *countedExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if e.work.bound(ofExpression) != nil {
		// The error has been reported. Loops continue after an error, and must not report one for each round.
		return cty.DynamicVal, nil
	}
	v, diags := e.Expression.Value(ctx)
	if diags.HasErrors() {
		return v, diags
	}
	err := e.work.add(v, ofExpression)
	if err == nil && e.converted {
		e.work.elements += conversion(v)
		err = e.work.bound(ofExpression)
	}
	if err != nil {
		return cty.DynamicVal, tooMuch(err, e.Range())
	}
	return v, diags
}

// conversion returns the work of converting the members of v to a list, a set or a map: cty compares the type of each member
// with that of every other.
func conversion(v cty.Value) int {
	v, _ = v.Unmark()
	if ty := v.Type(); !v.IsKnown() || v.IsNull() || !ty.IsTupleType() && !ty.IsObjectType() {
		return 0
	}
	n := v.LengthInt()
	cost := n * n / 256
	for it := v.ElementIterator(); it.Next() && cost <= ofExpression.elements; {
		_, member := it.Element()
		cost += conversion(member)
	}
	return cost
}

// BoundInput returns an error if v, a value from outside of the configuration, is too large, holds a number that can't be
// written out, or has so many members that a conversion would take too long.
func BoundInput(v cty.Value) error {
	var s size
	if err := s.add(v, limit{ofResult.size, "it"}); err != nil {
		return err
	}
	if conversion(v) > ofExpression.elements {
		return errors.New("it has too many members")
	}
	return nil
}

// maxProblems is the maximum number of errors in one loop, which continues after an error.
const maxProblems = 20

// A loop evaluates expressions for each element of the value of the first one.
type loop struct {
	problems int
	// key is the place of the key expression, whose values must differ, and keys are the values so far.
	key  hcl.Range
	keys map[string]bool
}

func (l *loop) begins(e *hclsyntax.Expression) { *e = &loopExpr{*e, l, true} }

func (l *loop) repeats(e *hclsyntax.Expression) {
	if *e != nil {
		*e = &loopExpr{*e, l, false}
	}
}

// loopExpr is a part of a loop. After maxProblems errors of the loop it is no longer evaluated.
type loopExpr struct {
	hclsyntax.Expression
	loop  *loop
	first bool
}

func (e *loopExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if e.first {
		e.loop.problems, e.loop.keys = 0, map[string]bool{}
	}
	if e.loop.problems >= maxProblems {
		return cty.DynamicVal, nil
	}
	v, diags := e.Expression.Value(ctx)
	if !e.first && (diags.HasErrors() || e.Range() == e.loop.key && e.loop.twice(v)) {
		e.loop.problems++
	}
	return v, diags
}

// twice reports whether the key is a duplicate, which hclsyntax reports as an error.
func (l *loop) twice(key cty.Value) bool {
	key, err := convert.Convert(key, cty.String)
	if err != nil {
		return false
	}
	text, ok := textOf(key)
	known := l.keys[text]
	if ok {
		l.keys[text] = true
	}
	return ok && known
}

func tooMuch(err error, at hcl.Range) hcl.Diagnostics {
	return hcl.Diagnostics{{
		Severity: hcl.DiagError,
		Summary:  "Too much to work out",
		Detail:   err.Error() + ".",
		Subject:  &at,
	}}
}
