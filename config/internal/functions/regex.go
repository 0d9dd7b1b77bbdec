package functions

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// maxSteps limits the work of a search with a regular expression: the length of the text times the length of the compiled
// program. It is a few seconds.
const maxSteps = 1 << 26

var errPattern = fmt.Errorf("the search would take more than %d steps. Use a simpler pattern, or a shorter text", maxSteps)

// boundRegex limits a search for one match.
func boundRegex(args []cty.Value) error {
	_, _, _, err := pattern(args)
	return err
}

// boundRegexAll limits a search for all matches, and the size of the matches.
func boundRegexAll(args []cty.Value) error {
	re, text, cost, err := pattern(args)
	if err != nil || re == nil {
		return err
	}
	if err := boundMatches(re, text, cost); err != nil {
		return err
	}
	each := re.NumSubexp() + 1
	s := size{elements: (len(text) + 1) * each}
	if s.bound(ofResult) != nil {
		s.elements = len(re.FindAllStringIndex(text, maxElements+1)) * each
	}
	return s.bound(ofResult)
}

// pattern compiles the expression in args[0] and returns it with the text in args[1], and the maximum number of steps for one
// character. It returns no expression for unknown or invalid arguments, about which the function itself complains.
func pattern(args []cty.Value) (re *regexp.Regexp, text string, cost int, err error) {
	expr, okE := textOf(args[0])
	text, okT := textOf(args[1])
	if !okE || !okT {
		return nil, "", 0, nil
	}
	re, cost, err = compile(expr)
	if errors.Is(err, errPattern) {
		return nil, "", 0, function.NewArgError(0, err)
	}
	if err != nil {
		return nil, "", 0, nil
	}
	if len(text) > maxSteps/cost {
		return nil, "", 0, errPattern
	}
	return re, text, cost, nil
}

// compile returns the expression and the length of its program.
func compile(expr string) (*regexp.Regexp, int, error) {
	if len(expr) > maxDigits {
		return nil, 0, errPattern
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, 0, err
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, 0, err
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, 0, err
	}
	return re, len(program.Inst), nil
}

// boundMatches limits the search for all matches. Each begins at the end of the match before, but may read the whole rest:
// "a.*b|a" does so for each a. Only a trial with a counting reader shows it.
func boundMatches(re *regexp.Regexp, text string, cost int) error {
	if len(text) == 0 || len(text) <= maxSteps/cost/len(text) {
		return nil
	}
	// \b and ^ depend on the character before the beginning of a search, so it is read too.
	again, err := regexp.Compile(`\A(?s:.)(?s:.*?)(?:` + re.String() + `)`)
	if err != nil {
		return errPattern
	}
	steps := maxSteps / cost
	for at := 0; at < len(text); {
		search, before := re, 0
		if at > 0 {
			_, before = utf8.DecodeLastRuneInString(text[:at])
			search = again
		}
		match := search.FindReaderIndex(&countingReader{*strings.NewReader(text[at-before:]), &steps})
		if steps <= 0 {
			return errPattern
		}
		if match == nil {
			return nil
		}
		end := at - before + match[1]
		if end <= at {
			// An empty match.
			_, width := utf8.DecodeRuneInString(text[at:])
			end = at + width
		}
		at = end
	}
	return nil
}

// countingReader ends the text after the number of steps, which several readers share.
type countingReader struct {
	strings.Reader
	steps *int
}

func (r *countingReader) ReadRune() (rune, int, error) {
	if *r.steps--; *r.steps <= 0 {
		return 0, 0, io.EOF
	}
	return r.Reader.ReadRune()
}

// replace works like Terraform's: a text between slashes is a regular expression.
func replace(args []string) (string, error) {
	text, old, with := args[0], args[1], args[2]
	if !isPattern(old) {
		return strings.ReplaceAll(text, old, with), nil
	}
	re, err := regexp.Compile(old[1 : len(old)-1])
	if err != nil {
		return "", function.NewArgError(1, err)
	}
	var b []byte
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
		b = append(b, text[last:m[0]]...)
		// Each reference expands to a part of the match at most.
		if err := fits(len(b) + len(with) + strings.Count(with, "$")*(m[1]-m[0])); err != nil {
			return "", err
		}
		b = re.ExpandString(b, with, text, m)
		last = m[1]
	}
	return string(append(b, text[last:]...)), nil
}

func isPattern(text string) bool {
	return len(text) > 1 && strings.HasPrefix(text, "/") && strings.HasSuffix(text, "/")
}

func boundReplace(args []cty.Value) error {
	text, okT := textOf(args[0])
	old, okO := textOf(args[1])
	with, okW := textOf(args[2])
	if !okT || !okO || !okW {
		return nil
	}
	if !isPattern(old) {
		return fits(len(text) + strings.Count(text, old)*len(with))
	}
	return boundRegexAll([]cty.Value{cty.StringVal(old[1 : len(old)-1]), args[0]})
}
