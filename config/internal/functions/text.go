package functions

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/kukeon/kuke/config/internal/message"
)

var texts = map[string]function.Function{
	"chomp":       stdlib.ChompFunc,
	"endswith":    ofTextPair(strings.HasSuffix, "suffix"),
	"format":      stdlib.FormatFunc,
	"formatlist":  stdlib.FormatListFunc,
	"indent":      stdlib.IndentFunc,
	"join":        stdlib.JoinFunc,
	"lower":       stdlib.LowerFunc,
	"regex":       stdlib.RegexFunc,
	"regexall":    stdlib.RegexAllFunc,
	"replace":     ofTexts(replace, "str", "substr", "replace"),
	"split":       stdlib.SplitFunc,
	"startswith":  ofTextPair(strings.HasPrefix, "prefix"),
	"strcontains": ofTextPair(strings.Contains, "substr"),
	"strlen":      stdlib.StrlenFunc,
	"strrev":      stdlib.ReverseFunc,
	"substr":      stdlib.SubstrFunc,
	"title":       stdlib.TitleFunc,
	"trim":        stdlib.TrimFunc,
	"trimprefix":  stdlib.TrimPrefixFunc,
	"trimspace":   stdlib.TrimSpaceFunc,
	"trimsuffix":  stdlib.TrimSuffixFunc,
	"upper":       stdlib.UpperFunc,
}

// ofTexts makes a function from f, from texts to a text.
func ofTexts(f func(args []string) (string, error), params ...string) function.Function {
	spec := &function.Spec{
		Type:         function.StaticReturnType(cty.String),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			strs := make([]string, len(args))
			for i, arg := range args {
				strs[i] = arg.AsString()
			}
			result, err := f(strs)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(result), nil
		},
	}
	for _, name := range params {
		spec.Params = append(spec.Params, function.Parameter{Name: name, Type: cty.String})
	}
	return function.New(spec)
}

// ofTextPair makes a function that reports whether f holds for two texts.
func ofTextPair(f func(str, other string) bool, other string) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "str", Type: cty.String}, {Name: other, Type: cty.String}},
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

func notNull(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() }

func boundIndent(args []cty.Value) error {
	spaces, whole := wholeOf(args[0])
	text, known := textOf(args[1])
	if !known || !args[0].IsKnown() {
		return nil
	}
	if !whole || spaces < 0 || spaces > maxWidth {
		return function.NewArgErrorf(0, "must be a whole number from 0 to %d", maxWidth)
	}
	return fits(len(text) + spaces*strings.Count(text, "\n"))
}

func boundJoin(args []cty.Value) error {
	separator, ok := textOf(args[0])
	if !ok {
		return nil
	}
	total := 0
	for _, list := range args[1:] {
		elements, _ := elementsOf(list)
		total += textSize(list) + len(elements)*len(separator)
	}
	return fits(total)
}

func boundSplit(args []cty.Value) error {
	separator, okS := textOf(args[0])
	text, okT := textOf(args[1])
	if !okS || !okT {
		return nil
	}
	s := size{elements: strings.Count(text, separator) + 1}
	return s.bound(ofResult)
}

// maxWidth is the maximum width and precision of a formatted value, in characters.
const maxWidth = 4096

var (
	verb        = regexp.MustCompile(`%([ #+0-]*)([0-9]*)(\.[0-9]*)?(?:\[([0-9]+)\])?(\S)?`)
	numberVerbs = "bdoxXeEfgG"
)

// boundFormat limits the results of format and formatlist: the sum of the sizes of all formatted values.
func boundFormat(args []cty.Value) error {
	layout, ok := textOf(args[0])
	if !ok {
		return nil
	}
	args = args[1:]
	rounds := 1
	for _, arg := range args {
		if elements, ok := elementsOf(arg); ok && len(elements) > rounds {
			rounds = len(elements)
		}
	}
	total := len(layout) * rounds
	next, numeric := 1, false
	for _, m := range verb.FindAllStringSubmatch(layout, -1) {
		if m[5] == "%" {
			continue
		}
		if m[4] != "" {
			next = atoi(m[4])
		}
		width := max(atoi(m[2]), atoi(strings.TrimPrefix(m[3], ".")))
		if width > maxWidth {
			return function.NewArgErrorf(0, "%q asks for more than %d characters", message.Shorten(m[0]), maxWidth)
		}
		// As JSON, one byte can take six.
		total += width*rounds + 6*shown(args, next, rounds)
		if err := fits(total); err != nil {
			return err
		}
		numeric = numeric || strings.Contains(numberVerbs, m[5])
		next++
	}
	if numeric {
		return boundNumbers(args)
	}
	return nil
}

// shown returns the number of bytes of the argument with that number, in all rounds together.
func shown(args []cty.Value, number, rounds int) int {
	if number < 1 || number > len(args) {
		return 0 // the function itself reports a missing argument
	}
	arg := args[number-1]
	var s size
	_ = s.add(arg, ofArguments) // checked before
	if _, ok := elementsOf(arg); ok {
		rounds = 1
	}
	return s.text * rounds
}

// boundNumbers refuses texts of numbers that are too large to be written out.
func boundNumbers(args []cty.Value) error {
	for i, arg := range args {
		elements, ok := elementsOf(arg)
		if !ok {
			elements = []cty.Value{arg}
		}
		for _, element := range elements {
			if _, ok := textOf(element); !ok {
				continue
			}
			if err := boundToNumber([]cty.Value{element}); err != nil {
				return function.NewArgError(i+1, err)
			}
			element, _ = element.Unmark()
			if n, err := convert.Convert(element, cty.Number); err == nil {
				if err := boundNumber(n); err != nil {
					return function.NewArgError(i+1, err)
				}
			}
		}
	}
	return nil
}

// atoi returns the number in digits, capped at a number above every limit.
func atoi(digits string) int {
	if digits == "" {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 1 << 30
	}
	return min(n, 1<<30)
}
