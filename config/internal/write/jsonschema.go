package write

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
)

// Schema is a JSON Schema of draft 2020-12, as far as manifests need it.
type Schema struct {
	Schema               string             `json:"$schema,omitempty"`
	Ref                  string             `json:"$ref,omitempty"`
	Title                string             `json:"title,omitempty"`
	Description          string             `json:"description,omitempty"`
	Type                 Types              `json:"type,omitempty"`
	Const                any                `json:"const,omitempty"`
	Enum                 []any              `json:"enum,omitempty"`
	Default              any                `json:"default,omitempty"`
	MinLength            int                `json:"minLength,omitempty"`
	MaxLength            int                `json:"maxLength,omitempty"`
	Pattern              string             `json:"pattern,omitempty"`
	Minimum              *float64           `json:"minimum,omitempty"`
	Maximum              *float64           `json:"maximum,omitempty"`
	Items                *Schema            `json:"items,omitempty"`
	Properties           map[string]*Schema `json:"properties,omitempty"`
	PropertyNames        *Schema            `json:"propertyNames,omitempty"`
	AdditionalProperties any                `json:"additionalProperties,omitempty"` // a *Schema, or false
	Required             []string           `json:"required,omitempty"`
	AnyOf                []*Schema          `json:"anyOf,omitempty"`
	AllOf                []*Schema          `json:"allOf,omitempty"`
	If                   *Schema            `json:"if,omitempty"`
	Then                 *Schema            `json:"then,omitempty"`
	Defs                 map[string]*Schema `json:"$defs,omitempty"`
}

// Types are the JSON types that a value may have.
type Types []string

// MarshalJSON writes a single type as a string.
func (t Types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

const draft = "https://json-schema.org/draft/2020-12/schema"

// inlineContainer is the definition of a container that is written in its cell.
const inlineContainer = "ContainerInCell"

// JSONSchema returns the schema of a manifest of kind k, or for no kind that of a manifest of any kind. It takes every
// manifest that Load takes; Load refuses some more, which no schema can tell.
func JSONSchema(k resource.Kind) *Schema {
	kinds := resource.AllKinds
	s := &Schema{
		Schema: draft, Title: "kuke manifest", Description: "A resource of kuke, as a " + resource.APIVersion + " manifest.",
		Type: Types{"object"}, Required: []string{"apiVersion", "kind", "metadata"}, AdditionalProperties: false,
		Properties: map[string]*Schema{
			"apiVersion": {Description: "The version of the manifest.", Const: resource.APIVersion},
			"kind":       {Description: "The kind of the resource.", Type: Types{"string"}},
			"metadata":   metadataSchema(k),
			"spec":       {Description: "The desired resource.", Type: Types{"object", "null"}},
			"status":     {Description: "The state that kuke recorded. It is not read."},
		},
		Defs: map[string]*Schema{},
	}
	if k != "" {
		kinds = []resource.Kind{k}
		s.Title = "kuke " + k.Lower()
	}
	for _, k := range kinds {
		s.Properties["kind"].Enum = append(s.Properties["kind"].Enum, k)
		s.Defs[string(k)] = specSchema(k, false)
		if k == resource.KindCell {
			s.Defs[inlineContainer] = specSchema(resource.KindContainer, true)
		}
		then := &Schema{Properties: map[string]*Schema{"spec": definition(string(k))}}
		if k != resource.KindRealm && k != resource.KindVolume { // the others must name their parents in it
			then.Required = []string{"spec"}
		}
		s.AllOf = append(s.AllOf, &Schema{
			If:   &Schema{Properties: map[string]*Schema{"kind": {Const: k}}, Required: []string{"kind"}},
			Then: then,
		})
	}
	return s
}

func definition(name string) *Schema { return &Schema{Ref: "#/$defs/" + name} }

func metadataSchema(k resource.Kind) *Schema {
	name := stringSchema(&resource.Attribute{Required: true, Check: "name"})
	name.Type, name.Description = Types{"string"}, "Name of the resource: a DNS label."
	labels := attributeSchema(resource.KindRealm.Attribute("labels"))
	properties := map[string]*Schema{"name": name, "labels": labels}
	if k == "" || k == resource.KindVolume {
		parents, _ := manifest.ParentFields(resource.KindVolume)
		for i := range parents {
			level := schema.LevelWords()[i]
			properties[level] = attributeSchema(&resource.Attribute{Type: resource.TypeString, Check: "name", Doc: "Of a volume: name of the " + level + " that it is in, in place of " + parents[i] + " in its spec."})
		}
	}
	return &Schema{
		Type: Types{"object"}, Description: "Name and labels of the resource.",
		Properties: properties, Required: []string{"name"}, AdditionalProperties: false,
	}
}

// specSchema returns the schema of a spec of kind k; inline of one that is written in its parent.
func specSchema(k resource.Kind, inline bool) *Schema {
	fields := append(schema.Placement(k), k.Attributes()...)
	fields = slices.DeleteFunc(fields, func(a *resource.Attribute) bool { return a.Name == "" })
	s := objectSchema(fields)
	s.Description = k.Doc()
	if k == resource.KindRealm || k == resource.KindVolume {
		s.Type, s.Required = nullable(s.Type), nil
	}
	if k == resource.KindCell {
		s.Properties["containers"] = &Schema{
			Type: Types{"array", "null"}, Items: definition(inlineContainer), Description: s.Properties["containers"].Description,
		}
	}
	if k == resource.KindContainer {
		s.Properties[schema.HostNetwork] = &Schema{Type: Types{"boolean", "null"}, Description: "kukeon's spelling of network: host."}
	}
	if inline {
		s.Required = nil
		fields, _ := manifest.ParentFields(k)
		for _, name := range fields {
			s.Properties[name].Type = nullable(s.Properties[name].Type)
		}
		s.Properties["name"] = s.Properties["id"]
		s.AnyOf = []*Schema{{Required: []string{"id"}}, {Required: []string{"name"}}}
	}
	return s
}

// objectSchema returns the schema of an object with the given fields and no others. Those that aren't required may be
// null, which is as good as left out.
func objectSchema(fields []*resource.Attribute) *Schema {
	s := &Schema{Type: Types{"object"}, Properties: map[string]*Schema{}, AdditionalProperties: false}
	for _, a := range fields {
		s.Properties[a.Name] = attributeSchema(a)
		if a.Required {
			s.Required = append(s.Required, a.Name)
		}
		if a.Either {
			s.AnyOf = append(s.AnyOf, &Schema{Required: []string{a.Name}})
		}
		if a.Check == "mountkind" { // a tmpfs has no source
			s.AnyOf = append(s.AnyOf, &Schema{Properties: map[string]*Schema{a.Name: {Const: resource.MountTmpfs}}, Required: []string{a.Name}})
		}
	}
	return s
}

func nullable(types Types) Types { return append(slices.Clone(types), "null") }

func attributeSchema(a *resource.Attribute) *Schema {
	s := typeSchema(a)
	s.Description = a.Doc
	s.Default = defaultValue(a)
	switch {
	case a.Unlimited:
		s.AnyOf = []*Schema{{Const: resource.Unlimited}, {Minimum: &a.Min}}
		s.Pattern = "^" + strconv.Itoa(resource.Unlimited) + "$|" + s.Pattern
	case a.HasRange:
		s.Minimum = &a.Min
		if a.Max < resource.NoMax {
			s.Maximum = &a.Max
		}
	}
	if !a.Required {
		s.Type = nullable(s.Type)
		if s.Enum != nil {
			s.Enum = append(s.Enum, nil)
		}
	}
	return s
}

func typeSchema(a *resource.Attribute) *Schema {
	anyScalar := &Schema{Type: Types{"string", "number", "boolean"}}
	switch a.Type {
	case resource.TypeBool:
		return &Schema{Type: Types{"boolean"}}
	case resource.TypeInt:
		return &Schema{Type: Types{"integer"}}
	case resource.TypeFloat:
		return &Schema{Type: Types{"number"}}
	case resource.TypeBytes:
		return &Schema{Type: Types{"integer", "string"}, Pattern: `^\+?[0-9.][0-9A-Za-z_.+-]* ?([KkMmGgTtPp]([Ii]?[Bb])?|[Bb])?$`}
	case resource.TypeList, resource.TypeSet:
		return &Schema{Type: Types{"array"}, Items: stringSchema(&resource.Attribute{Check: a.Check, Required: validate.RuleOf(a).RefusesEmpty()})}
	case resource.TypeMap:
		return mapSchema(validate.MemberRuleOf(a), anyScalar)
	case resource.TypePairs:
		return &Schema{
			Type:  Types{"array", "object"},
			Items: &Schema{Type: Types{"string"}, Pattern: "^[^=]+="}, AdditionalProperties: anyScalar, PropertyNames: &Schema{Pattern: "^[^=]+$"},
		}
	case resource.TypeObject:
		return objectSchema(a.Fields)
	case resource.TypeObjects:
		items := objectSchema(a.Fields)
		if a.Short {
			key := stringSchema(resource.FindAttribute(a.Fields, a.Key))
			items.Type, items.Pattern, items.MinLength, items.MaxLength = Types{"object", "string"}, key.Pattern, key.MinLength, key.MaxLength
		}
		return &Schema{Type: Types{"array"}, Items: items}
	}
	return stringSchema(a)
}

// mapSchema returns the schema of a map whose members keep the rule.
func mapSchema(rule validate.MemberRule, value *Schema) *Schema {
	keys := &Schema{MinLength: 1}
	for _, key := range rule.Keys {
		keys.Enum = append(keys.Enum, key)
	}
	if rule.Pattern != "" {
		value = &Schema{Type: Types{"string", "integer"}, Pattern: rule.Pattern}
	}
	if rule.Fields != nil {
		parts := &Schema{Type: Types{"object"}, Properties: map[string]*Schema{}, Required: rule.Fields, AdditionalProperties: false}
		for _, name := range rule.Fields {
			parts.Properties[name] = value
		}
		value = &Schema{AnyOf: []*Schema{value, parts}}
	}
	return &Schema{Type: Types{"object"}, AdditionalProperties: value, PropertyNames: keys}
}

// stringSchema returns the schema of a string with the rule of a. Where it may be left out, it may be empty as well.
func stringSchema(a *resource.Attribute) *Schema {
	s := &Schema{Type: Types{"string"}}
	rule, empty := validate.RuleOf(a), !a.Required && a.Default == ""
	if !empty {
		s.MinLength = 1
	}
	if rule.Number {
		s.Type = Types{"string", "integer"}
	}
	if a.Check == "name" {
		s.MaxLength = resource.MaxNameLength
	}
	var enum []any
	for _, v := range rule.Values {
		enum = append(enum, v)
	}
	pattern := rule.Pattern
	if empty && pattern != "" {
		pattern = "^$|" + pattern
	} else if empty && enum != nil {
		enum = append(enum, "")
	}
	switch {
	case enum != nil && pattern != "":
		s.AnyOf = []*Schema{{Enum: enum}, {Pattern: pattern}}
	default:
		s.Enum, s.Pattern = enum, pattern
	}
	return s
}

// defaultValue returns the default of a with its type, or nil.
func defaultValue(a *resource.Attribute) any {
	if n, err := strconv.ParseInt(a.Default, 10, 64); err == nil && a.Type == resource.TypeInt {
		return n
	}
	if a.Default == "" {
		return nil
	}
	return a.Default
}
