package functions

import (
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

var times = map[string]function.Function{
	"formatdate": stdlib.FormatDateFunc,
	"timeadd":    stdlib.TimeAddFunc,
	"timecmp": function.New(&function.Spec{
		Params: []function.Parameter{{Name: "a", Type: cty.String}, {Name: "b", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			var at [2]time.Time
			for i := range at {
				var err error
				if at[i], err = time.Parse(time.RFC3339, args[i].AsString()); err != nil {
					return cty.NilVal, function.NewArgError(i, fmt.Errorf("not a time as in RFC 3339, such as 2026-01-02T15:04:05Z: %w", err))
				}
			}
			return cty.NumberIntVal(int64(at[0].Compare(at[1]))), nil
		},
	}),
}
