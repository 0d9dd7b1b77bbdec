package write

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// edit is a part of a source and its replacement.
type edit struct {
	at   hcl.Range
	text string
}

// idiomatic returns a file that means the same in current syntax, as terraform fmt does: labels are in quotes, a lone "${…}"
// is the expression in it, and types are no texts.
func idiomatic(data []byte, body *hclsyntax.Body) []byte {
	edits := editsOf(data, body, nil)
	if len(edits) == 0 {
		return data
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.at.Start.Byte, b.at.Start.Byte) })
	var out bytes.Buffer
	end := 0
	for _, e := range edits {
		out.Write(data[end:e.at.Start.Byte])
		out.WriteString(e.text)
		end = e.at.End.Byte
	}
	out.Write(data[end:])
	return out.Bytes()
}

// editsOf returns the edits of a body in blocks of the types around. No two of them overlap.
func editsOf(data []byte, body *hclsyntax.Body, around []string) []edit {
	var edits []edit
	for _, attr := range body.Attributes {
		at := attr.Expr.Range()
		text := string(at.SliceBytes(data))
		better := unwrapped(text, attr.Expr, data)
		if len(around) == 1 && around[0] == "variable" && attr.Name == "type" {
			better = modernType(text)
		}
		if strings.HasPrefix(better, "<<") && !bytes.HasPrefix(data[at.End.Byte:], []byte("\n")) {
			better = text // nothing may follow the end of a heredoc
		}
		if better != text {
			edits = append(edits, edit{at, better})
		}
	}
	for _, b := range body.Blocks {
		for _, at := range b.LabelRanges {
			if label := string(at.SliceBytes(data)); hclsyntax.ValidIdentifier(label) {
				edits = append(edits, edit{at, `"` + label + `"`})
			}
		}
		edits = append(edits, editsOf(data, b.Body, append(slices.Clone(around), b.Type))...)
	}
	return edits
}

// unwrapped returns the expression in a lone "${…}", or the text as it is where the braces hold anything else, such as a
// comment.
func unwrapped(text string, expr hclsyntax.Expression, data []byte) string {
	wrap, ok := expr.(*hclsyntax.TemplateWrapExpr)
	if !ok || !strings.HasPrefix(text, `"${`) || !strings.HasSuffix(text, `}"`) {
		return text
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(text[len(`"${`):], `}"`), "~"), "~")
	inner = strings.TrimSpace(inner)
	if inner != string(wrap.Wrapped.Range().SliceBytes(data)) {
		return text
	}
	_, inParentheses := wrap.Wrapped.(*hclsyntax.ParenthesesExpr)
	if strings.Contains(inner, "\n") && !inParentheses && !strings.HasPrefix(inner, "<<") {
		return "(" + inner + ")"
	}
	return unwrapped(inner, wrap.Wrapped, data)
}

// modernType returns how the type of a variable is written today.
func modernType(text string) string {
	switch text {
	case "list", "map", "set":
		return text + "(any)"
	case `"string"`:
		return "string"
	case `"list"`, `"map"`:
		return strings.Trim(text, `"`) + "(string)"
	}
	return text
}
