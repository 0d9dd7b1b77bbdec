package functions

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// The parser of templates calls itself for every level, and Go ends the whole program when a stack is full. So nesting
// is bounded before a template is parsed.
const (
	maxNesting   = 200  // brackets, interpolations and directives in each other
	maxOperators = 2000 // operators in one interpolation or directive
)

// checkNesting returns an error that tells where source nests too deeply.
func checkNesting(name string, source []byte) error {
	// What is wrong with the tokens, the parser will say.
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

// opens returns by how much the directive with that word changes the number of directives that wait for their end.
func opens(word string) int {
	switch word {
	case "if", "for":
		return 1
	case "endif", "endfor":
		return -1
	}
	return 0
}
