package console

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Spell returns a value as Terraform's console shows it, with its type where brackets alone don't tell that.
func Spell(val cty.Value) string { return spell(val, 0) }

// spell returns a value whose lines after the first begin with as many spaces as indent says.
func spell(val cty.Value, indent int) string {
	val, marks := val.Unmark()
	switch {
	case len(marks) > 0:
		return "(sensitive value)"
	case !val.IsKnown():
		return "(known once planned)"
	case val.IsNull():
		return spellNull(val.Type())
	}
	ty := val.Type()
	switch ty {
	case cty.String:
		return spellText(val.AsString(), indent)
	case cty.Number:
		return val.AsBigFloat().Text('f', -1)
	case cty.Bool:
		return strconv.FormatBool(val.True())
	}
	opening, closing := "[", "]"
	keyed := ty.IsObjectType() || ty.IsMapType()
	if keyed {
		opening, closing = "{", "}"
	}
	if to := conversionTo(ty); to != "" {
		opening, closing = to+"("+opening, closing+")"
	}
	if val.LengthInt() == 0 {
		return opening + closing
	}
	var b strings.Builder
	b.WriteString(opening + "\n")
	inner := strings.Repeat(" ", indent+2)
	for it := val.ElementIterator(); it.Next(); {
		key, element := it.Element()
		b.WriteString(inner)
		if keyed {
			b.WriteString(spell(key, indent+2) + " = " + spell(element, indent+2) + "\n")
		} else {
			b.WriteString(spell(element, indent+2) + ",\n")
		}
	}
	return b.String() + inner[2:] + closing
}

// conversionTo returns the function that makes a collection of the type from brackets, or "" where brackets alone have that
// type.
func conversionTo(ty cty.Type) string {
	switch {
	case ty.IsListType():
		return "tolist"
	case ty.IsSetType():
		return "toset"
	case ty.IsMapType():
		return "tomap"
	}
	return ""
}

func spellNull(ty cty.Type) string {
	switch {
	case ty == cty.DynamicPseudoType:
		return "null"
	case ty.IsPrimitiveType():
		return "to" + ty.FriendlyName() + "(null)"
	case ty.IsCollectionType():
		return fmt.Sprintf("%s(null) /* of %s */", conversionTo(ty), ty.ElementType().FriendlyName())
	}
	return fmt.Sprintf("null /* %s */", ty.FriendlyName())
}

// spellText returns a text in quotes, or as a heredoc where it has several lines.
func spellText(s string, indent int) string {
	// A terminal would obey characters that aren't printable.
	if !strings.Contains(s, "\n") || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	lines, opening, margin := strings.Split(s, "\n"), "<<", ""
	if indent > 0 {
		opening, margin = "<<-", strings.Repeat(" ", indent)
	}
	end := "EOT"
	for slices.ContainsFunc(lines, func(line string) bool { return strings.TrimSpace(line) == end }) {
		end += "_"
	}
	return opening + end + "\n" + margin + strings.Join(append(lines, end), "\n"+margin)
}

// TypeAsked returns the argument of a call to type that is all of an expression, or nil.
func TypeAsked(expr hclsyntax.Expression) hclsyntax.Expression {
	call, ok := expr.(*hclsyntax.FunctionCallExpr)
	if !ok || call.Name != "type" || len(call.Args) != 1 || call.ExpandFinal {
		return nil
	}
	return call.Args[0]
}

// SpellType returns a type as the function type of Terraform's console shows it.
func SpellType(ty cty.Type, indent int) string {
	margin := strings.Repeat(" ", indent)
	inner := margin + "    "
	var b strings.Builder
	switch {
	case ty.IsCollectionType():
		element := ty.ElementType()
		word := strings.TrimPrefix(conversionTo(ty), "to")
		if element.IsObjectType() || element.IsTupleType() {
			return word + "(\n" + inner + SpellType(element, indent+4) + ",\n" + margin + ")"
		}
		return word + "(" + SpellType(element, indent) + ")"
	case ty.IsTupleType() && ty.Length() > 0:
		b.WriteString("tuple([\n")
		for _, element := range ty.TupleElementTypes() {
			b.WriteString(inner + SpellType(element, indent+4) + ",\n")
		}
		return b.String() + margin + "])"
	case ty.IsTupleType():
		return "tuple([])"
	case ty.IsObjectType() && len(ty.AttributeTypes()) > 0:
		attributes := ty.AttributeTypes()
		b.WriteString("object({\n")
		for _, name := range slices.Sorted(maps.Keys(attributes)) {
			b.WriteString(inner + name + ": " + SpellType(attributes[name], indent+4) + ",\n")
		}
		return b.String() + margin + "})"
	case ty.IsObjectType():
		return "object({})"
	}
	return ty.FriendlyName()
}
