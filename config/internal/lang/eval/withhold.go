package eval

import (
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/kukeon/kuke/config/internal/functions"
)

// Withheld returns the texts and numbers within the sensitive variables, local values and outputs that were evaluated, sorted.
func (e *Evaluator) Withheld() []string { return slices.Sorted(maps.Keys(e.withheld)) }

// withhold notes the texts and numbers of a value that are sensitive.
func (e *Evaluator) withhold(val cty.Value) {
	if functions.IsSensitive(val) {
		e.withholdWithin(val, false)
	}
}

func (e *Evaluator) withholdWithin(val cty.Value, sensitive bool) {
	sensitive = sensitive || val.HasMark(functions.Sensitive)
	val, _ = val.Unmark()
	switch {
	case !val.IsKnown() || val.IsNull():
	case val.CanIterateElements():
		for _, element := range val.Elements() {
			e.withholdWithin(element, sensitive)
		}
	case sensitive && (val.Type() == cty.String || val.Type() == cty.Number):
		if text, err := convert.Convert(val, cty.String); err == nil {
			if e.withheld == nil {
				e.withheld = map[string]bool{}
			}
			e.withheld[text.AsString()] = true
		}
	}
}
