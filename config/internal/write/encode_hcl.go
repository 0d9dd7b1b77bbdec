package write

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/kukeon/kuke/config/resource"
)

// EncodeHCL returns the tree as HCL that package config reads back as the very same tree: blocks nested as far as the tree holds
// the parents, and with the path of the parent where it doesn't. Text is written in the normal form C of Unicode, as
// HCL reads it.
func EncodeHCL(tree *resource.Tree) []byte {
	file := hclwrite.NewEmptyFile()
	bodies := map[resource.Path]*hclwrite.Body{}
	for _, r := range InOrder(tree) {
		parent := r.Path.Parent()
		body := bodies[parent]
		if body == nil {
			body = file.Body()
		}
		// An empty body may get the closing brace on the line of the opening one: nothing stands before it yet.
		if len(body.Attributes())+len(body.Blocks()) > 0 {
			body.AppendNewline()
		}
		block := body.AppendNewBlock(r.Path.Kind().Lower(), []string{r.Path.Name()})
		bodies[r.Path] = block.Body()
		if parent != "" && bodies[parent] == nil {
			block.Body().SetAttributeValue("parent", cty.StringVal(string(parent)))
		}
		if r.External {
			block.Body().SetAttributeValue("external", cty.True)
		}
		encodeFields(block.Body(), r.Path.Kind().Attributes(), reflect.ValueOf(writtenSpec(r)))
		if r.Lifecycle != nil {
			encodeLifecycle(block.Body().AppendNewBlock("lifecycle", nil).Body(), r.Path.Kind(), r.Lifecycle)
		}
	}
	return hclwrite.Format(file.Bytes())
}

// InOrder returns the resources of the tree in the order in which they are written: that of their paths, but for root
// containers of which nobody wrote that they are, which come first in their cells.
func InOrder(tree *resource.Tree) []*resource.Resource {
	all := tree.Resources()
	first := 0 // of the containers of a cell
	for i, r := range all {
		if r.Path.Parent() != all[first].Path.Parent() {
			first = i
		}
		if r.ImpliedRoot {
			copy(all[first+1:i+1], all[first:i])
			all[first] = r
		}
	}
	return all
}

// writtenSpec returns the spec of r without the implied root.
func writtenSpec(r *resource.Resource) resource.Spec {
	if !r.ImpliedRoot {
		return r.Spec
	}
	spec := *r.Spec.(*resource.Container)
	spec.Root = false
	return &spec
}

// encodeLifecycle writes attributes and resources as references to them.
func encodeLifecycle(body *hclwrite.Body, k resource.Kind, l *resource.Lifecycle) {
	if l.PreventDestroy {
		body.SetAttributeValue("prevent_destroy", cty.True)
	}
	var ignored, triggers []string
	for _, name := range l.IgnoreChanges {
		if name == "*" {
			body.SetAttributeRaw("ignore_changes", hclwrite.TokensForIdentifier("all"))
			ignored = nil
			break
		}
		ignored = append(ignored, hclName(k.Attributes(), name))
	}
	for _, t := range l.ReplaceTriggeredBy {
		reference := fmt.Sprintf("%s[%q]", t.Path.Kind().Lower(), t.Path)
		if len(t.Attributes) == 0 {
			triggers = append(triggers, reference)
		}
		for _, name := range t.Attributes {
			triggers = append(triggers, reference+"."+hclName(t.Path.Kind().Attributes(), name))
		}
	}
	list := func(name string, items []string) {
		if len(items) > 0 {
			text := "[" + strings.Join(items, ", ") + "]"
			body.SetAttributeRaw(name, hclwrite.Tokens{{Type: hclsyntax.TokenIdent, Bytes: []byte(text)}})
		}
	}
	list("ignore_changes", ignored)
	list("replace_triggered_by", triggers)
}

// hclName returns the name of an attribute, as [resource.Leaf] has it, in the spelling of HCL.
func hclName(attrs []*resource.Attribute, name string) string {
	word, rest := name, ""
	if i := strings.IndexAny(name, ".["); i >= 0 {
		word, rest = name[:i], name[i:]
	}
	a := resource.FindAttribute(attrs, word)
	switch {
	case a == nil:
		return name
	case strings.HasPrefix(rest, "."):
		return a.HCLName + "." + hclName(a.Fields, rest[1:])
	}
	return a.HCLName + rest
}

// encodeFields writes the fields of a struct that are set, those without blocks of their own first.
func encodeFields(body *hclwrite.Body, attrs []*resource.Attribute, of reflect.Value) {
	var blocks []*resource.Attribute
	for _, a := range attrs {
		v := a.Field(of)
		switch {
		case v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0:
		case a.Type == resource.TypeObject || a.Type == resource.TypeObjects && !allShort(a, v):
			blocks = append(blocks, a)
		default:
			body.SetAttributeRaw(a.HCLName, encodeValue(a, v))
		}
	}
	for _, a := range blocks {
		v := a.Field(of)
		if a.Type == resource.TypeObject {
			encodeFields(body.AppendNewBlock(a.HCLName, nil).Body(), a.Fields, v)
			continue
		}
		for i := range v.Len() {
			encodeFields(body.AppendNewBlock(a.HCLName, nil).Body(), a.Fields, v.Index(i))
		}
	}
}

// allShort reports whether each element of the collection may be written as its key alone.
func allShort(a *resource.Attribute, v reflect.Value) bool {
	for i := range v.Len() {
		for _, f := range a.Fields {
			if f.Name != a.Key && !f.Field(v.Index(i)).IsZero() {
				return false
			}
		}
	}
	return a.Short
}

func encodeValue(a *resource.Attribute, v reflect.Value) hclwrite.Tokens {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch a.Type {
	case resource.TypeBool:
		return hclwrite.TokensForValue(cty.BoolVal(v.Bool()))
	case resource.TypeInt:
		return hclwrite.TokensForValue(cty.NumberIntVal(v.Int()))
	case resource.TypeBytes:
		return hclwrite.TokensForValue(encodeBytes(v.Int()))
	case resource.TypeFloat:
		return hclwrite.TokensForValue(cty.NumberFloatVal(v.Float()))
	case resource.TypeList, resource.TypeSet:
		items := make([]cty.Value, v.Len())
		for i := range items {
			items[i] = cty.StringVal(v.Index(i).String())
		}
		return hclwrite.TokensForValue(cty.TupleVal(items))
	case resource.TypeObjects:
		key := resource.FindAttribute(a.Fields, a.Key)
		items := make([]cty.Value, v.Len())
		for i := range items {
			items[i] = cty.StringVal(key.Field(v.Index(i)).String())
		}
		return hclwrite.TokensForValue(cty.TupleVal(items))
	case resource.TypeMap, resource.TypePairs:
		return encodeMap(v.Convert(reflect.TypeFor[map[string]string]()).Interface().(map[string]string))
	}
	return hclwrite.TokensForValue(cty.StringVal(v.String()))
}

func encodeMap(m map[string]string) hclwrite.Tokens {
	var members []hclwrite.ObjectAttrTokens
	for _, key := range slices.Sorted(maps.Keys(m)) {
		name := hclwrite.TokensForValue(cty.StringVal(key))
		// As the name of a member these would be no names.
		if hclsyntax.ValidIdentifier(key) && !slices.Contains([]string{"for", "null", "true", "false"}, key) {
			name = hclwrite.TokensForIdentifier(key)
		}
		members = append(members, hclwrite.ObjectAttrTokens{Name: name, Value: hclwrite.TokensForValue(cty.StringVal(m[key]))})
	}
	return hclwrite.TokensForObject(members)
}

func encodeBytes(n int64) cty.Value {
	if size := resource.FormatBytes(n); size != "" {
		return cty.StringVal(size)
	}
	return cty.NumberIntVal(n)
}
