package view

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
)

// Kinds lists the kinds, from the top down.
func (v *View) Kinds() {
	v.columns([]string{"KIND", "PATH", "DESCRIPTION"}, func(add func(...string)) {
		for _, k := range resource.AllKinds {
			add(k.Lower(), pathShape(k), k.Doc())
		}
	})
}

func pathShape(k resource.Kind) string {
	if k == resource.KindVolume {
		return "realm[/space[/stack]]/@volume"
	}
	names := make([]string, 0, k.Depth())
	for _, above := range resource.Kinds[:k.Depth()] {
		names = append(names, above.Lower())
	}
	return strings.Join(names, "/")
}

// Explanation prints the reference of a kind or a field: its meaning, syntax, values and the effect of a change, and the
// fields below it, a line each.
func (v *View) Explanation(e *config.Explanation) {
	doc := e.Kind.Doc()
	facts := [][2]string{{"path", pathShape(e.Kind)}, {"YAML", "kind: " + string(e.Kind)}, {"HCL", e.Kind.Lower() + ` "NAME" { ... }`}}
	if len(e.Chain) > 0 {
		doc = e.Chain[len(e.Chain)-1].Doc
		facts = factsOf(e)
	}
	v.printf("%s\n\n%s\n\n", v.ink.bold("%s", e.Path), doc)
	v.columns(nil, func(add func(...string)) {
		for _, f := range facts {
			name := f[0]
			for line := range strings.Lines(f[1]) {
				add("  "+name, strings.TrimSuffix(line, "\n"))
				name = ""
			}
		}
	})
	if len(e.Fields) == 0 {
		return
	}
	v.printf("\n")
	v.columns([]string{"FIELD", "HCL", "TYPE", "DESCRIPTION"}, func(add func(...string)) {
		for _, a := range e.Fields {
			kind := string(a.Type)
			if a.Required {
				kind += ", required"
			}
			add(orDash(a.Name), orDash(a.HCLName), kind, firstSentence(a.Doc))
		}
	})
}

// firstSentence returns the first sentence of a doc, which makes sense without the others.
func firstSentence(doc string) string {
	first, _, more := strings.Cut(doc, ". ")
	if more {
		first += "."
	}
	return first
}

// factsOf describes the last attribute of the chain.
func factsOf(e *config.Explanation) [][2]string {
	a := e.Chain[len(e.Chain)-1]
	var facts [][2]string
	add := func(name, value string) { facts = append(facts, [2]string{name, value}) }
	if a.Name != "" {
		add("YAML", writtenYAML(e.Chain, e.Values))
	}
	if a.HCLName != "" {
		add("HCL", writtenHCL(e.Chain, e.Values))
	}
	add("type", typeText(a))
	if len(e.Values) > 0 {
		add("one of", strings.Join(e.Values, ", "))
	}
	if a.HasRange {
		add("range", rangeText(a))
	}
	if a.Required {
		add("required", "yes")
	}
	if a.Default != "" {
		add("default", a.Default)
	}
	switch e.Chain[0].Effect {
	case resource.Replace:
		add("on change", "the "+e.Kind.Lower()+" is replaced")
	case resource.Live:
		add("on change", "in place, without a restart")
	case resource.Recorded:
		add("on change", "recorded only: used at the next start or stop")
	}
	return facts
}

func typeText(a *resource.Attribute) string {
	switch a.Type {
	case resource.TypeInt:
		return "whole number"
	case resource.TypeFloat:
		return "number"
	case resource.TypeBytes:
		return "size: a number of bytes, or a text such as \"64MiB\""
	case resource.TypeList:
		return "list of strings, in order"
	case resource.TypeSet:
		return "set of strings, in any order"
	case resource.TypeMap:
		return "map of strings"
	case resource.TypePairs:
		return "map of strings; in YAML also a list of NAME=value"
	case resource.TypeObjects:
		text := "objects"
		if a.Key != "" {
			text += ", each with a unique " + a.Key
		}
		if a.Short {
			text += "; the " + a.Key + " may be written alone"
		}
		return text
	}
	return string(a.Type)
}

func rangeText(a *resource.Attribute) string {
	show := func(f float64) string {
		if a.Type == resource.TypeBytes {
			return units.BytesSize(f)
		}
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	text := show(a.Min) + " to " + show(a.Max)
	if a.Max >= resource.NoMax {
		text = "at least " + show(a.Min)
	}
	if a.Unlimited {
		text += ", or -1 for no limit"
	}
	return text
}

// sample returns a value of a scalar attribute, as both languages write it.
func sample(a *resource.Attribute, values []string) string {
	switch a.Type {
	case resource.TypeBool:
		return "true"
	case resource.TypeFloat:
		return "0.5"
	case resource.TypeBytes:
		return `"64MiB"`
	case resource.TypeInt:
		if a.Default != "" {
			return a.Default
		}
		return strconv.FormatFloat(max(a.Min, 1), 'f', -1, 64)
	case resource.TypeList, resource.TypeSet:
		return `["..."]`
	}
	if len(values) > 0 {
		return strconv.Quote(values[len(values)-1])
	}
	return `"..."`
}

func writtenYAML(chain []*resource.Attribute, values []string) string {
	a := chain[0]
	inner := "..."
	if len(chain) > 1 {
		inner = writtenYAML(chain[1:], values)
	}
	switch a.Type {
	case resource.TypeObject:
		return fmt.Sprintf("%s: {%s}", a.Name, inner)
	case resource.TypeObjects:
		return fmt.Sprintf("%s: [{%s}]", a.Name, inner)
	case resource.TypeMap:
		return a.Name + `: {NAME: "..."}`
	case resource.TypePairs:
		return a.Name + `: ["NAME=..."]`
	}
	return a.Name + ": " + sample(a, values)
}

func writtenHCL(chain []*resource.Attribute, values []string) string {
	a := chain[0]
	switch a.Type {
	case resource.TypeObject, resource.TypeObjects:
	case resource.TypeMap, resource.TypePairs:
		return a.HCLName + ` = { NAME = "..." }`
	default:
		return a.HCLName + " = " + sample(a, values)
	}
	if len(chain) == 1 {
		return a.HCLName + " { ... }"
	}
	inner := writtenHCL(chain[1:], values)
	if chain[1].Fields == nil {
		return a.HCLName + " { " + inner + " }"
	}
	// A block on one line can't hold another.
	return a.HCLName + " {\n  " + strings.ReplaceAll(inner, "\n", "\n  ") + "\n}"
}
