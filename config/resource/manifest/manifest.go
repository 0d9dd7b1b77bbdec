// Package manifest writes resources as v1beta1 manifests in YAML: for people, who convert a configuration in HCL, and for
// the records of the state. It reads none: package config reads those of people, with diagnostics for their mistakes.
package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/kukeon/kuke/config/resource"
)

// Document is the content of one manifest.
type Document struct {
	Path     resource.Path
	Spec     resource.Spec
	External bool
	// Lifecycle is nil where there is none.
	Lifecycle *resource.Lifecycle
	// Status is the knowledge beyond the spec, or nil to leave it out.
	Status any
	// Units writes sizes as people do, 64MiB, and not as numbers of bytes.
	Units bool
}

// parentFields are the fields of a spec that name the parents of a resource, from the top down.
var parentFields = []string{"realmId", "spaceId", "stackId", "cellId"}

// ParentFields returns the fields of a spec of kind k that can name its parents, from the realm down. required is the number of
// those that must: a volume is in a realm, a space or a stack.
func ParentFields(k resource.Kind) (fields []string, required int) {
	parents := k.Parents()
	if len(parents) == 0 {
		return nil, 0
	}
	deepest := parents[len(parents)-1].Depth()
	return slices.Clone(parentFields[:deepest]), parents[0].Depth()
}

// ParentFieldsOf returns the fields of the spec of the resource at p that name its parents, from the realm down.
func ParentFieldsOf(p resource.Path) []string { return slices.Clone(parentFields[:p.Depth()-1]) }

// Encode returns the manifest of d in YAML. As a configuration it declares the same resource.
func Encode(d *Document) ([]byte, error) {
	spec, err := nodeOf(d.Spec)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", d.Path, err)
	}
	if d.Units {
		useUnits(spec, d.Path.Kind().Attributes())
	}
	head := []*yaml.Node{text("id"), text(d.Path.Name())}
	for i, field := range ParentFieldsOf(d.Path) {
		head = append(head, text(field), text(d.Path.Names()[i]))
	}
	if d.External {
		head = append(head, text("external"), scalar("!!bool", "true"))
	}
	if d.Lifecycle != nil {
		lifecycle, err := nodeOf(d.Lifecycle)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", d.Path, err)
		}
		head = append(head, text("lifecycle"), lifecycle)
	}
	spec.Content = append(head, spec.Content...)
	whole := mapping(
		text("apiVersion"), text(resource.APIVersion),
		text("kind"), text(string(d.Path.Kind())),
		text("metadata"), mapping(text("name"), text(d.Path.Name())),
		text("spec"), spec,
	)
	if d.Status != nil {
		status, err := nodeOf(d.Status)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", d.Path, err)
		}
		whole.Content = append(whole.Content, text("status"), status)
	}
	data, err := encode(whole)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", d.Path, err)
	}
	return data, nil
}

// Marshal returns the JSON of v in YAML. Every string is written so that YAML reads it as a string.
func Marshal(v any) ([]byte, error) {
	node, err := nodeOf(v)
	if err != nil {
		return nil, err
	}
	return encode(node)
}

func encode(node *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := enc.Encode(node)
	return b.Bytes(), err
}

// nodeOf returns the JSON of v, with the fields in the same order.
func nodeOf(v any) (*yaml.Node, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // as float64 large ones would lose digits
	return next(dec)
}

// next reads one value; at the end of a list or an object it returns io.EOF.
func next(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		node := mapping()
		switch t {
		case '[':
			node = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		case ']', '}':
			return nil, io.EOF
		}
		for {
			member, err := next(dec)
			if err == io.EOF {
				return node, nil
			}
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, member)
		}
	case json.Number:
		if _, err := t.Int64(); err == nil {
			return scalar("!!int", t.String()), nil
		}
		return scalar("!!float", t.String()), nil
	case bool:
		return scalar("!!bool", fmt.Sprint(t)), nil
	case string:
		return text(t), nil
	}
	return scalar("!!null", "null"), nil
}

// useUnits rewrites the sizes in an object with the given fields.
func useUnits(object *yaml.Node, fields []*resource.Attribute) {
	if object.Kind != yaml.MappingNode {
		return // the short form of an element
	}
	for i := 0; i+1 < len(object.Content); i += 2 {
		a, value := resource.FindAttribute(fields, object.Content[i].Value), object.Content[i+1]
		switch a.Type {
		case resource.TypeBytes:
			n, err := strconv.ParseInt(value.Value, 10, 64)
			if size := resource.FormatBytes(n); err == nil && size != "" {
				object.Content[i+1] = text(size)
			}
		case resource.TypeObject:
			useUnits(value, a.Fields)
		case resource.TypeObjects:
			for _, element := range value.Content {
				useUnits(element, a.Fields)
			}
		}
	}
}
