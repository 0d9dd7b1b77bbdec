package console

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/source"
)

// Name is the file name of an expression in messages.
const Name = "<expression>"

// MaxExpression is the largest expression that is evaluated, in bytes.
const MaxExpression = 1 << 20

// Unfinished reads one more line of an expression and returns the brackets, heredocs and comments that are open at its end,
// as text that opens the very same. open is the result for the line before, and empty for the first line. The result is
// empty when the expression ends with the line.
func Unfinished(open, line string) string {
	// Evaluate reports errors in the tokens.
	tokens, _ := hclsyntax.LexExpression([]byte(open+line), Name, hcl.InitialPos)
	var stack []hclsyntax.Token
	for i, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp,
			hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			if stack = append(stack, t); len(stack) > source.MaxNesting {
				return ""
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if len(stack) == 0 {
				return ""
			}
			stack = stack[:len(stack)-1]
		case hclsyntax.TokenStar:
			if i > 0 && tokens[i-1].Type == hclsyntax.TokenSlash && tokens[i-1].Range.End.Byte == t.Range.Start.Byte {
				return opened(stack) + "/*" // no two operators stand like that: it is a comment that isn't closed yet
			}
		}
	}
	if len(stack) > 0 && stack[len(stack)-1].Type == hclsyntax.TokenOQuote {
		return ""
	}
	return opened(stack)
}

func opened(tokens []hclsyntax.Token) string {
	var b strings.Builder
	for _, t := range tokens {
		b.Write(t.Bytes)
	}
	return b.String()
}
