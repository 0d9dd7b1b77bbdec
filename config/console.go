package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/kukeon/kuke/config/realm"
)

// consoleName stands for what is evaluated by itself where a file name is shown.
const consoleName = "<expression>"

// Evaluate returns the value of an expression, which may refer to all that the root module can, as text: as [Spell]
// does, with (sensitive value) for what must not be shown and (known once planned) for what isn't known. Of a call to type
// that is all of it, the text is the type itself, without quotes.
// The text of the expression is among the sources by then.
func (c *Configuration) Evaluate(text string) (string, realm.Diagnostics) {
	var diags realm.Diagnostics
	e := c.evaluator
	if e == nil {
		diags.Errorf(realm.Range{}, "", "No configuration", "There is nothing to evaluate expressions with.")
		return "", diags
	}
	before := e.diags
	e.diags, e.spent = &diags, 0
	defer func() { e.diags = before }()
	if strings.Contains(text, "\n") {
		text += "\n" // which ends the last line of a heredoc
	}
	data := []byte(text)
	e.add(consoleName, data)
	if !boundedHCL(consoleName, data, &diags) {
		return "", diags
	}
	expr, problems := hclsyntax.ParseExpression(data, consoleName, hcl.InitialPos)
	report(firstOfEach(problems), &diags)
	if problems.HasErrors() {
		return "", diags
	}
	result := ""
	e.guardFile(consoleName, func() {
		if asked := typeAsked(expr); asked != nil {
			if val, ok := e.evaluate(asked, e.root.scope()); ok {
				result = spellType(val.Type(), 0)
			}
		} else if val, ok := e.evaluate(expr, e.root.scope()); ok {
			result = Spell(val)
		}
	})
	return result, diags
}

// Unfinished reports whether the expression goes on in a next line, as a bracket or a heredoc of it is still open.
func Unfinished(text string) bool {
	// What is wrong with the tokens, Evaluate will say.
	tokens, _ := hclsyntax.LexExpression([]byte(text), consoleName, hcl.InitialPos)
	var open []hclsyntax.TokenType
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp,
			hclsyntax.TokenTemplateControl, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			open = append(open, t.Type)
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd,
			hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if len(open) == 0 {
				return false
			}
			open = open[:len(open)-1]
		}
	}
	return len(open) > 0 && open[len(open)-1] != hclsyntax.TokenOQuote
}
