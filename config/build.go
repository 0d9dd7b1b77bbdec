package config

import (
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// build decodes the declarations and puts them into one tree.
func build(decls []*declaration, diags *resource.Diagnostics) *resource.Tree {
	tree := resource.NewTree()
	for _, d := range decls {
		r := d.decode(diags)
		if d.path == "" {
			continue
		}
		if other := tree.Add(r); other != nil {
			hint := "Give one of them another name."
			if d.kind != resource.KindContainer {
				hint = "Give one of them another name, or declare it once and write what is below it at the top level, with its path as the parent."
			}
			diags.Errorf(d.declared, d.path, "Duplicate resource", "The %s %s is already declared at %s. %s", d.kind.Lower(), d.path, other.Declared, hint)
			continue
		}
		d.resource = r
	}
	if !diags.HasErrors() && tree.Len() != len(decls) {
		// To lose a resource is to delete it.
		diags.Errorf(resource.Range{}, "", message.Bug, "Of %d resources declared only %d were understood. Please report it, with the configuration.", len(decls), tree.Len())
	}
	members := membersOf(decls)
	finishCells(decls, members, diags)
	checkRealms(decls, diags)
	checkNetworks(decls, tree, members, diags)
	checkHostPorts(decls, diags)
	checkTriggers(decls, tree, diags)
	checkReferences(decls, diags)
	return tree
}

// decode returns the resource that d declares. What is wrong with it is reported the first time.
func (d *declaration) decode(diags *resource.Diagnostics) *resource.Resource {
	if d.decoded != nil {
		return d.decoded
	}
	r := d.bare(diags)
	d.decoded = r
	d.mergeLabels(r, diags)
	checkSwap(r, d.format, diags)
	switch s := r.Spec.(type) {
	case *resource.Space:
		finishSpace(r, s, diags)
	case *resource.Container:
		finishContainer(r, s, d.format, diags)
	}
	d.warnExternal(r, diags)
	return r
}

// bare returns the resource as its body says, without judging several attributes together.
func (d *declaration) bare(diags *resource.Diagnostics) *resource.Resource {
	d.takeExternal(diags)
	d.takeRootID(diags)
	if d.format == yamlFormat {
		d.takeLifecycle(diags)
	}
	r := &resource.Resource{Path: d.path, Spec: resource.NewSpec(d.kind), External: d.external, Declared: d.declared, Lifecycle: d.lifecycle}
	d.decodeSpec(r, diags)
	return r
}

func (d *declaration) decoder(diags *resource.Diagnostics) *decoder {
	return &decoder{format: d.format, diags: diags, path: d.path, what: d.kind.Lower(), ranges: map[string]resource.Range{}, sensitive: map[string]bool{}}
}

func (d *declaration) takeExternal(diags *resource.Diagnostics) {
	if v := d.body.Take("external"); v != nil {
		d.external, _ = d.decoder(diags).boolean(v, "external")
	}
}

func (d *declaration) takeRootID(diags *resource.Diagnostics) {
	if d.kind != resource.KindCell {
		return
	}
	if v := d.body.Take(d.format.rootID); v != nil {
		if text, ok := d.decoder(diags).text(v, d.format.rootID, false); ok && text != "" {
			d.rootID = &source.Value{Shape: source.String, Text: text, Range: v.Range}
		}
	}
}

// mergeLabels adds the labels of a manifest's metadata to those of its spec.
func (d *declaration) mergeLabels(r *resource.Resource, diags *resource.Diagnostics) {
	if d.labels == nil {
		return
	}
	attribute := d.kind.Attribute("labels")
	inMetadata := resource.NewSpec(d.kind)
	dec := d.decoder(diags)
	dec.mapAttribute(attribute, attribute.Field(reflect.ValueOf(inMetadata)), d.labels, place{"metadata.labels", "labels"})
	merged := maps.Clone(resource.LabelsOf(r.Spec))
	for key, text := range resource.LabelsOf(inMetadata) {
		name := place{key: "labels"}.member(key).key
		if other, ok := merged[key]; ok && other != text {
			diags.Errorf(r.RangeOf(name), d.path, "Conflicting labels", "The label %q is %q in spec.labels, but %q in metadata.labels (%s). Keep one of them.", message.Shorten(key), message.Shorten(other), message.Shorten(text), dec.ranges[name])
			continue
		}
		if merged == nil {
			merged = map[string]string{}
		}
		merged[key] = text
		if _, ok := r.Ranges[name]; !ok {
			r.Ranges[name] = dec.ranges[name]
		}
	}
	if _, ok := r.Ranges["labels"]; !ok {
		r.Ranges["labels"] = d.labels.Range
	}
	if len(merged) > 0 {
		attribute.Field(reflect.ValueOf(r.Spec)).Set(reflect.ValueOf(merged))
	}
}

// warnExternal says that what is written about an external resource has no effect. A realm's namespace does: it is
// where to look.
func (d *declaration) warnExternal(r *resource.Resource, diags *resource.Diagnostics) {
	if !d.external {
		return
	}
	var idle []string
	for name := range r.Ranges {
		if a := d.kind.Attribute(name); a != nil && name != "namespace" {
			idle = append(idle, d.format.attribute(a))
		}
	}
	if len(idle) == 0 {
		return
	}
	slices.Sort(idle)
	diags.Warnf(d.declared, d.path, "External resource with settings", "%s is managed elsewhere, so that kuke never changes it: %s has no effect here. Take it away, or take external away.", d.path, strings.Join(idle, ", "))
}

// specs yields the resources in the tree that have a spec of type S, with that, in the order of the source.
func specs[S resource.Spec](decls []*declaration) iter.Seq2[*resource.Resource, S] {
	return func(yield func(*resource.Resource, S) bool) {
		for _, d := range decls {
			if d.resource == nil {
				continue
			}
			if s, ok := d.resource.Spec.(S); ok && !yield(d.resource, s) {
				return
			}
		}
	}
}

// membersOf returns the names of what is declared right below every resource that is declared here and not managed
// elsewhere: nothing else lies there.
func membersOf(decls []*declaration) map[resource.Path][]string {
	members := map[resource.Path][]string{}
	for r := range specs[resource.Spec](decls) {
		if !r.External {
			members[r.Path] = []string{}
		}
	}
	for r := range specs[resource.Spec](decls) {
		if names, ok := members[r.Path.Parent()]; ok {
			members[r.Path.Parent()] = append(names, r.Path.Name())
		}
	}
	return members
}
