package functions

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The parser of templates recurses for every level, and Go ends the whole program when a stack is full. So nesting is limited
// before a template is parsed.
const (
	maxNesting   = 200  // levels of brackets, interpolations and directives
	maxOperators = 2000 // operators in one interpolation or directive
)

// boundNesting returns an error with the place at which source nests too deeply.
func boundNesting(name string, source []byte) error {
	// The parser reports invalid tokens.
	tokens, _ := hclsyntax.LexTemplate(source, name, hcl.InitialPos)
	brackets, blocks, operators := 0, 0, 0
	for i, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenTemplateControl:
			brackets++
			if i+1 < len(tokens) {
				blocks += opens(string(tokens[i+1].Bytes))
			}
		case hclsyntax.TokenTemplateInterp, hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen,
			hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			brackets++
			operators++
		case hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			brackets = max(0, brackets-1)
			if brackets == 0 {
				operators = 0
			}
		case hclsyntax.TokenStringLit, hclsyntax.TokenQuotedLit, hclsyntax.TokenIdent, hclsyntax.TokenComma:
		case hclsyntax.TokenNumberLit:
			if len(t.Bytes) > maxDigits {
				return fmt.Errorf("%s: the number has too many digits", where(t.Range))
			}
		default:
			operators++
		}
		if brackets+max(0, blocks) > maxNesting || operators > maxOperators {
			return fmt.Errorf("%s: the template nests more than %d levels or has more than %d operators in one expression here", where(t.Range), maxNesting, maxOperators)
		}
	}
	return nil
}

// opens returns the change of the number of open directives by the directive with that word.
func opens(word string) int {
	switch word {
	case "if", "for":
		return 1
	case "endif", "endfor":
		return -1
	}
	return 0
}
