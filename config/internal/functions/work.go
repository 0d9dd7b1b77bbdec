package functions

import (
	"errors"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// ofExpression bounds what goes through the loops, the templates and the calls of an expression, all rounds together.
var ofExpression = limit{size{2 * maxElements, 4 * maxText}, "what this expression works through"}

// Bounded returns an expression with the value of expr, but that fails with a diagnostic once its loops, templates and
// calls have worked through too much: a few loops in each other would else run for years. It changes expr, which must
// not be evaluated on its own afterwards, and may not be evaluated by two goroutines at a time.
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

// Literal returns the value of an expression that refers to nothing, within the same bounds.
func Literal(expr hcl.Expression) (cty.Value, hcl.Diagnostics) {
	if written, ok := expr.(hclsyntax.Expression); ok {
		expr = Bounded(written)
	}
	return expr.Value(nil)
}

// BoundedExpr begins to count anew with each evaluation.
type BoundedExpr struct {
	hclsyntax.Expression
	work      *size
	variables []hcl.Traversal // hclsyntax doesn't find those within a countedExpr
}

// Variables returns what the expression refers to.
func (e *BoundedExpr) Variables() []hcl.Traversal { return e.variables }

// Value evaluates the expression.
func (e *BoundedExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	*e.work = size{}
	v, diags := e.Expression.Value(ctx)
	if err := e.work.check(ofExpression); err != nil {
		// However many loops went on after that, and even if try made something of it.
		return cty.DynamicVal, tooMuch(err, e.Range())
	}
	return v, withoutKeys(diags)
}

// Worked returns how much the last evaluation worked through: values, and pieces of text.
func (e *BoundedExpr) Worked() int { return e.work.total() }

// withoutKeys takes sensitive keys out of what for expressions say of those that come twice: of all that HCL reports,
// only this cites a value.
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

// countedExpr adds its value to the work. Once that is too much, it evaluates nothing more.
type countedExpr struct {
	hclsyntax.Expression
	work *size
	// converted says that its value may be converted to another type.
	converted bool
}

func (e *countedExpr) Value(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if e.work.check(ofExpression) != nil {
		// It has been reported. Loops go on after an error, and one for each round would be too much too.
		return cty.DynamicVal, nil
	}
	v, diags := e.Expression.Value(ctx)
	if diags.HasErrors() {
		return v, diags
	}
	err := e.work.add(v, ofExpression)
	if err == nil && e.converted {
		e.work.elements += conversion(v)
		err = e.work.check(ofExpression)
	}
	if err != nil {
		return cty.DynamicVal, tooMuch(err, e.Range())
	}
	return v, diags
}

// conversion returns the work of converting what is in v to a list, a set or a map: cty compares the type of each member
// with that of each other.
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

// CheckInput returns an error if v, which no expression bounds, is too large, holds a number that can't be written out,
// or has so many members that to convert it would take too long.
func CheckInput(v cty.Value) error {
	var s size
	if err := s.add(v, limit{ofResult.size, "it"}); err != nil {
		return err
	}
	if conversion(v) > ofExpression.elements {
		return errors.New("it has too many members, more than there can be of anything here")
	}
	return nil
}

// maxProblems bounds how often one loop fails, which goes on after an error.
const maxProblems = 20

// A loop evaluates some expressions for each element of what the first gives.
type loop struct {
	problems int
	// key is where the key stands that must differ each time, keys those there were.
	key  hcl.Range
	keys map[string]bool
}

func (l *loop) begins(e *hclsyntax.Expression) { *e = &loopExpr{*e, l, true} }

func (l *loop) repeats(e *hclsyntax.Expression) {
	if *e != nil {
		*e = &loopExpr{*e, l, false}
	}
}

// loopExpr is a part of a loop. Once that has failed often enough, it evaluates nothing more.
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

// twice reports whether there was the key before, which hclsyntax will say is wrong.
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
