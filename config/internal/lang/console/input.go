package console

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/internal/source"
)

// Name stands for what is evaluated by itself where a file name is shown.
const Name = "<expression>"

// MaxExpression bounds what is evaluated by itself, in bytes.
const MaxExpression = 1 << 20

// Unfinished reads one more line of an expression and returns what is open at its end, as text that opens the very same:
// brackets, heredocs and comments that the lines after it are in. open is what it returned for the line before, and empty for
// the first one; when the expression ends with the line, so is the result.
func Unfinished(open, line string) string {
	// What is wrong with the tokens, Evaluate will say.
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
