package write

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// Explanation is the documentation of a kind, or of a field of one.
type Explanation struct {
	// Path is the kind and the names down to the field, as manifests spell them: container.resources.cpuWeight.
	Path string
	Kind resource.Kind
	// Chain holds the attributes that lead to the field, itself last; it is empty for a kind.
	Chain []*resource.Attribute
	// Values are the words that it takes, where these are all.
	Values []string
	// Fields are those of the kind or of the field, if it has any. One without a name in YAML or in HCL is not in it.
	Fields []*resource.Attribute
}

// Explain returns the documentation of KIND or KIND.FIELD[.FIELD…], in the spelling of YAML or of HCL. The error says which
// name is wrong, and which one may have been meant.
func Explain(path string) (*Explanation, error) {
	names := strings.Split(path, ".")
	word := strings.ToLower(names[0])
	k, ok := schema.KindOf(strings.TrimSuffix(word, "s"))
	if !ok {
		return nil, noKind(names[0])
	}
	e := explainKind(k)
	for _, name := range names[1:] {
		a := e.find(name)
		if a == nil {
			return nil, e.noField(name)
		}
		if nested, ok := schema.NestedKind(e.Kind, a.HCLName); ok && len(e.Chain) == 0 {
			e = explainKind(nested)
			continue
		}
		e.Chain = append(e.Chain, a)
		e.Path += "." + spelled(a)
		e.Fields, e.Values = a.Fields, nil
		if rule := validate.RuleOf(a); rule.Pattern == "" {
			e.Values = rule.Values
		}
	}
	return e, nil
}

func explainKind(k resource.Kind) *Explanation {
	return &Explanation{Path: k.Lower(), Kind: k, Fields: append(schema.Placement(k), k.Attributes()...)}
}

// spelled returns the name of a in YAML, or that in HCL where it has no other.
func spelled(a *resource.Attribute) string {
	if a.Name == "" {
		return a.HCLName
	}
	return a.Name
}

func (e *Explanation) find(name string) *resource.Attribute {
	i := slices.IndexFunc(e.Fields, func(a *resource.Attribute) bool { return name != "" && (a.Name == name || a.HCLName == name) })
	if i < 0 {
		return nil
	}
	return e.Fields[i]
}

func noKind(word string) error {
	if hint := message.Suggest(word, schema.KindWords()); hint != "" {
		return fmt.Errorf("there is no kind %q.%s", message.Shorten(word), hint)
	}
	var owners []string
	for _, k := range resource.AllKinds {
		e := explainKind(k)
		if a := e.find(word); a != nil {
			owners = append(owners, e.Path+"."+spelled(a))
		}
	}
	if len(owners) > 0 {
		return fmt.Errorf("there is no kind %q. Did you mean %s?", message.Shorten(word), strings.Join(owners, " or "))
	}
	return fmt.Errorf("there is no kind %q: the kinds are %s", message.Shorten(word), strings.Join(schema.KindWords(), ", "))
}

func (e *Explanation) noField(name string) error {
	if len(e.Fields) == 0 {
		return fmt.Errorf("%s has no fields: it is a %s", e.Path, e.Chain[len(e.Chain)-1].Type)
	}
	var names []string
	for _, a := range e.Fields {
		for _, n := range []string{a.Name, a.HCLName} {
			if n != "" && !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	hint := e.suggestBelow(name)
	if hint == "" {
		hint = message.Suggest(name, names)
	}
	if most := 12; hint == "" && len(names) > most {
		hint = fmt.Sprintf(" Its fields are listed by kuke explain %s.", e.Path)
	} else if hint == "" {
		hint = " Its fields are " + strings.Join(names, ", ") + "."
	}
	return fmt.Errorf("%s has no field %q.%s", e.Path, message.Shorten(name), hint)
}

// suggestBelow suggests the fields of the fields of e that have the name, or the plural of it.
func (e *Explanation) suggestBelow(name string) string {
	var found []string
	for _, a := range e.Fields {
		below := &Explanation{Fields: a.Fields}
		for _, n := range []string{name, name + "s"} {
			if b := below.find(n); b != nil {
				found = append(found, spelled(a)+"."+spelled(b))
			}
		}
	}
	if len(found) == 0 {
		return ""
	}
	return " Did you mean " + strings.Join(found, " or ") + "?"
}

// Completions returns the paths that begin with begun and that [Explain] takes, each with its documentation.
func Completions(begun string) (completions [][2]string) {
	add := func(completion, doc string) {
		if strings.HasPrefix(completion, begun) {
			completions = append(completions, [2]string{completion, doc})
		}
	}
	last := strings.LastIndexByte(begun, '.')
	if last < 0 {
		for _, k := range resource.AllKinds {
			add(k.Lower(), k.Doc())
		}
		return completions
	}
	e, err := Explain(begun[:last])
	if err != nil {
		return nil
	}
	for _, a := range e.Fields {
		add(begun[:last+1]+spelled(a), a.Doc)
		if a.HCLName != "" && a.HCLName != spelled(a) {
			add(begun[:last+1]+a.HCLName, a.Doc)
		}
	}
	return completions
}
