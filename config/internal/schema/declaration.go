package schema

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// Declaration is one resource as it was written.
type Declaration struct {
	Kind     resource.Kind
	Spelling *Spelling
	// Path is empty where the name, or a name above, is wrong; that has been reported then.
	Path     resource.Path
	Declared resource.Range
	External bool
	// Body holds the attributes, labels those of a manifest's metadata, or nil.
	Body, labels *source.Value
	// RootID is the name of a cell's root container where it is given, or nil.
	RootID    *source.Value
	Lifecycle *resource.Lifecycle
	// Places resolves relative paths of the host.
	Places Places

	// Incomplete says that a value is left out which is unknown until it is planned.
	Incomplete bool
	// Unassigned says that the configuration is checked without the values of its variables: any attribute may be unknown.
	// Unclear says that one is which decides how resources fit together.
	Unassigned, Unclear bool
	// Include adds the contents of the files that the resource names; nil leaves their names as they are.
	Include func(*Declaration, *resource.Resource)
	// decoded is the resource that is written, nil before it was asked for.
	decoded *resource.Resource
	// Resource is the same once it is in the tree, nil before.
	Resource *resource.Resource
	// Unsettled says of a container that nothing written decides which container is the root of its cell: only planning knows
	// it.
	Unsettled bool
}

// ChildPath returns the path of the resource called name below parent, or reports an invalid name and returns the empty
// path. An empty parent that isn't a realm's leaves the path empty too.
func ChildPath(diags *resource.Diagnostics, kind resource.Kind, parent resource.Path, name *source.Value) resource.Path {
	check := resource.CheckName
	if kind == resource.KindVolume {
		check = resource.CheckVolumeName
	}
	if err := check(name.Text); err != nil {
		diags.Errorf(name.Range, "", "Invalid name", "%s.%s", message.Sentence(err.Error()), validate.SuggestName(name.Text))
		return ""
	}
	if parent == "" && kind != resource.KindRealm {
		return ""
	}
	return kind.Below(parent, name.Text)
}

// Decode returns the resource that d declares. Its errors are reported the first time.
func (d *Declaration) Decode(diags *resource.Diagnostics) *resource.Resource {
	if d.decoded != nil {
		return d.decoded
	}
	r := d.Bare(diags)
	d.decoded = r
	d.mergeLabels(r, diags)
	if d.Include != nil && !d.External {
		d.Include(d, r)
	}
	validateSwap(r, d.Spelling, diags)
	validateReservation(r, d.Spelling, diags)
	switch s := r.Spec.(type) {
	case *resource.Realm:
		validateRegistryCredentials(r, s, d.Spelling, diags)
	case *resource.Space:
		finishSpace(r, s, diags)
	case *resource.Container:
		finishContainer(r, s, d, diags)
	case *resource.Volume:
		finishVolume(r, s, d.Spelling, diags)
	}
	d.warnExternal(r, diags)
	return r
}

// Bare returns the resource of the body alone, without validating attributes that depend on each other.
func (d *Declaration) Bare(diags *resource.Diagnostics) *resource.Resource {
	d.takeExternal(diags)
	d.takeRootID(diags)
	if d.Spelling == YAML {
		d.takeLifecycle(diags)
	}
	r := &resource.Resource{Path: d.Path, Spec: resource.NewSpec(d.Kind), External: d.External, Declared: d.Declared, HCL: d.Spelling == HCL, Lifecycle: d.Lifecycle}
	d.decodeSpec(r, diags)
	return r
}

// Written returns the value written for the attribute, or nil.
func (d *Declaration) Written(a *resource.Attribute) *source.Value {
	for _, f := range d.Body.Fields {
		if f.Name == d.Spelling.attribute(a) {
			return f.Value
		}
	}
	return nil
}

func (d *Declaration) decoder(diags *resource.Diagnostics) *decoder {
	return &decoder{spelling: d.Spelling, diags: diags, path: d.Path, owner: d.Kind.Lower(), unassigned: d.Unassigned, ranges: map[string]resource.Range{}, sensitive: map[string]bool{}}
}

func (d *Declaration) takeExternal(diags *resource.Diagnostics) {
	if v := d.Body.Take("external"); v != nil && d.Unassigned && v.HoldsUnknown() {
		d.Unclear = true
	} else if v != nil {
		d.External, _ = d.decoder(diags).boolean(v, "external")
	}
}

func (d *Declaration) takeRootID(diags *resource.Diagnostics) {
	if d.Kind != resource.KindCell {
		return
	}
	if v := d.Body.Take(d.Spelling.RootID); v != nil && d.Unassigned && v.HoldsUnknown() {
		d.Unclear = true
	} else if v != nil {
		if text, ok := d.decoder(diags).text(v, d.Spelling.RootID, false); ok && text != "" {
			d.RootID = &source.Value{Shape: source.String, Text: text, Range: v.Range}
		}
	}
}

// mergeLabels adds the labels of a manifest's metadata to those of its spec.
func (d *Declaration) mergeLabels(r *resource.Resource, diags *resource.Diagnostics) {
	if d.labels == nil {
		return
	}
	attribute := d.Kind.Attribute("labels")
	inMetadata := resource.NewSpec(d.Kind)
	dec := d.decoder(diags)
	dec.mapAttribute(attribute, attribute.Field(reflect.ValueOf(inMetadata)), d.labels, place{"metadata.labels", "labels"})
	merged := maps.Clone(resource.LabelsOf(r.Spec))
	for key, text := range resource.LabelsOf(inMetadata) {
		name := place{key: "labels"}.member(key).key
		if other, ok := merged[key]; ok && other != text {
			diags.Errorf(r.RangeOf(name), d.Path, "Conflicting labels", "The label %q is %q in spec.labels, but %q in metadata.labels (%s). Keep one of them.", message.Shorten(key), message.Shorten(other), message.Shorten(text), dec.ranges[name])
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

// warnExternal warns that settings of an external resource have no effect. A realm's namespace has one: kuke looks there.
func (d *Declaration) warnExternal(r *resource.Resource, diags *resource.Diagnostics) {
	if !d.External {
		return
	}
	var idle []string
	for name := range r.Ranges {
		if a := d.Kind.Attribute(name); a != nil && name != "namespace" {
			idle = append(idle, d.Spelling.attribute(a))
		}
	}
	if len(idle) == 0 {
		return
	}
	slices.Sort(idle)
	diags.Warnf(d.Declared, d.Path, "External resource with settings", "%s is managed elsewhere, so that kuke never changes it: %s has no effect here. Remove it, or remove external.", d.Path, strings.Join(idle, ", "))
}
