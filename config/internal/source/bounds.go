package source

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/resource"
)

// The parsers call themselves for every level of nesting, and Go ends the whole program when a stack is full. So
// nesting is bounded before anything is parsed.
const (
	MaxNesting   = 200    // brackets and templates in each other
	maxOperators = 2000   // operators, indices and template directives in one expression and those around it
	maxExpansion = 100000 // values of all aliases of a YAML file together
	maxYAMLDepth = 100    // levels of a YAML document, aliases followed
)

// Bounded reports whether data nests little enough to be parsed and evaluated, and complains if it doesn't.
func Bounded(name string, data []byte, diags *resource.Diagnostics) bool {
	// The parser reports errors in the tokens again.
	tokens, _ := hclsyntax.LexConfig(data, name, hcl.InitialPos)
	type level struct {
		opener    hclsyntax.TokenType
		operators int
	}
	stack := []level{{opener: hclsyntax.TokenOBrace}}
	total := 0
	for _, t := range tokens {
		top := &stack[len(stack)-1]
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp,
			hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			if t.Type == hclsyntax.TokenOBrack || t.Type == hclsyntax.TokenTemplateControl {
				top.operators++
				total++
			}
			stack = append(stack, level{opener: t.Type})
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if len(stack) > 1 {
				total -= top.operators
				stack = stack[:len(stack)-1]
			}
		case hclsyntax.TokenComma, hclsyntax.TokenNewline:
			// A new expression begins, save that parentheses and lists let one run over many lines.
			if t.Type == hclsyntax.TokenComma || top.opener == hclsyntax.TokenOBrace {
				total -= top.operators
				top.operators = 0
			}
		case hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPlus, hclsyntax.TokenMinus, hclsyntax.TokenPercent,
			hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan, hclsyntax.TokenLessThanEq,
			hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenAnd, hclsyntax.TokenOr,
			hclsyntax.TokenBang, hclsyntax.TokenQuestion, hclsyntax.TokenDot:
			top.operators++
			total++
		case hclsyntax.TokenNumberLit:
			if !boundedNumber(string(t.Bytes)) {
				diags.Errorf(RangeOf(t.Range), "", "Out of range", "The number is too large or too small for anything here.")
				return false
			}
		}
		if len(stack) > MaxNesting || total > maxOperators {
			diags.Errorf(RangeOf(t.Range), "", "Nested too deeply", "The file nests more than %d levels or has more than %d operators in one expression here. Write it flatter.", MaxNesting, maxOperators)
			return false
		}
	}
	return true
}

// boundedNumber reports whether the exponent of a number has so few digits that the number can be written out.
func boundedNumber(text string) bool {
	_, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	return len(strings.TrimLeft(exponent, "+-0")) <= 3
}
