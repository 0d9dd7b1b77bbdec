package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
)

// manifestReader turns the documents of one YAML file into declarations.
type manifestReader struct {
	diags *resource.Diagnostics
	decls []*Declaration
}

// ReadManifests returns the declarations of a YAML file.
func ReadManifests(name string, data []byte, diags *resource.Diagnostics) []*Declaration {
	m := &manifestReader{diags: diags}
	source.Documents(name, data, diags, m.manifest)
	return m.decls
}

var manifestFields = []string{"apiVersion", "kind", "metadata", "spec", "status"}

// manifest reads one document.
func (m *manifestReader) manifest(doc *source.Value) {
	if doc.Shape != source.Object {
		m.diags.Errorf(doc.Range, "", "Wrong type", "A document is a manifest: an object with the fields apiVersion, kind, metadata and spec. But this is %s.", doc.Describe())
		return
	}
	whole := doc.Range
	if len(doc.Fields) > 0 {
		whole = doc.Fields[0].At
	}
	if isCompose(doc) {
		m.diags.Errorf(doc.Fields[0].At, "", "Compose file", "This is a file of Docker Compose, which kuke does not read. Move it out of this directory, or name the files of the configuration with -f. kuke help compose has the name of each word of Compose.")
		return
	}
	doc.Take("status")
	version, kindValue := doc.Take("apiVersion"), doc.Take("kind")
	metadata, spec := doc.Take("metadata"), doc.Take("spec")
	m.unknownFields(doc, "A manifest", manifestFields)
	k, ok := m.kind(version, kindValue, whole)
	if !ok {
		return
	}
	if spec == nil {
		spec = &source.Value{Shape: source.Object, Range: whole}
	}
	if spec.Shape != source.Object {
		m.diags.Errorf(spec.Range, "", "Wrong type", "spec must be an object, but this is %s.", spec.Describe())
		return
	}
	d := &Declaration{Kind: k, Spelling: YAML, Declared: whole, Body: spec}
	name := m.metadata(d, metadata)
	if name == nil {
		m.diags.Errorf(d.Declared, "", "Missing name", "The name of the %s is missing. Write it as metadata: {name: …}.", k.Lower())
		d.Body.Take("id")
	} else {
		name = m.identify(d, name)
	}
	m.finish(d, name, nil)
}

// isCompose reports whether the document is a file of Docker Compose, which has services and no kind.
func isCompose(doc *source.Value) bool {
	has := func(name string) bool {
		return slices.ContainsFunc(doc.Fields, func(f source.Field) bool { return f.Name == name })
	}
	return has("services") && !has("apiVersion") && !has("kind")
}

// kind checks apiVersion and kind of a manifest.
func (m *manifestReader) kind(version, kindValue *source.Value, whole resource.Range) (resource.Kind, bool) {
	ok := true
	if version == nil {
		m.diags.Errorf(whole, "", "Missing field", "apiVersion is missing. Write apiVersion: %s.", resource.APIVersion)
		ok = false
	} else if version.Shape != source.String || version.Text != resource.APIVersion {
		m.diags.Errorf(version.Range, "", "Unsupported version", "apiVersion must be %q, the version this kuke reads, but this is %s.", resource.APIVersion, version.Describe())
		ok = false
	}
	words := make([]string, 0, len(resource.AllKinds))
	for _, k := range resource.AllKinds {
		words = append(words, string(k))
	}
	if kindValue == nil {
		m.diags.Errorf(whole, "", "Missing field", "kind is missing. Write one of %s.", strings.Join(words, ", "))
		return "", false
	}
	if kindValue.Shape != source.String || !slices.Contains(words, kindValue.Text) {
		hint := message.Suggest(kindValue.Text, words)
		switch {
		case strings.EqualFold(kindValue.Text, "project") || strings.EqualFold(kindValue.Text, SettingsBlock):
			hint = " No manifest names the project of a configuration. Write kuke { project = \"…\" } in an HCL file beside it, or use --project or KUKE_PROJECT."
		case hint == "":
			hint = " The kinds are " + strings.Join(words, ", ") + "."
		}
		m.diags.Errorf(kindValue.Range, "", "Unsupported kind", "There is no kind %q.%s", message.Shorten(kindValue.Text), hint)
		return "", false
	}
	return resource.Kind(kindValue.Text), ok
}

// metadata reads the metadata of d and returns its name, or nil where there is none.
func (m *manifestReader) metadata(d *Declaration, metadata *source.Value) *source.Value {
	if metadata == nil {
		return nil
	}
	if metadata.Shape != source.Object {
		m.diags.Errorf(metadata.Range, "", "Wrong type", "metadata must be an object with the fields name and labels, but this is %s.", metadata.Describe())
		return nil
	}
	name := m.takeText(d, metadata, "name", "metadata.name")
	d.labels = metadata.Take("labels")
	known := []string{"name", "labels"}
	if d.Kind == resource.KindVolume {
		m.takeScope(d, metadata)
		known = append(known, scopeFields...)
	}
	m.unknownFields(metadata, "metadata", known)
	return name
}

// scopeFields are the fields of the metadata of a volume that name its parents, in place of those of the spec.
var scopeFields = []string{"realm", "space", "stack"}

// takeScope moves the names of the parents of a volume from its metadata into its spec. Where both have one, they must agree.
func (m *manifestReader) takeScope(d *Declaration, metadata *source.Value) {
	fields, _ := manifest.ParentFields(d.Kind)
	for i, name := range scopeFields {
		v := metadata.Take(name)
		if v == nil || v.Shape == source.Null {
			continue
		}
		at := slices.IndexFunc(d.Body.Fields, func(f source.Field) bool { return f.Name == fields[i] })
		if at < 0 {
			d.Body.Fields = append(d.Body.Fields, source.Field{Name: fields[i], At: v.Range, Value: v})
		} else if other := d.Body.Fields[at].Value; other.Text != v.Text {
			m.diags.Errorf(v.Range, "", "Conflicting parents", "metadata.%s is %q, but spec.%s (%s) is %q. Keep one of them.", name, message.Shorten(v.Text), fields[i], other.Range, message.Shorten(other.Text))
		}
	}
}

// takeText takes a field of v that must be a string; it returns nil where there is none.
func (m *manifestReader) takeText(d *Declaration, v *source.Value, name, shown string) *source.Value {
	f := v.Take(name)
	if f == nil {
		return nil
	}
	if _, ok := d.decoder(m.diags).text(f, shown, false); !ok {
		// Something to go on with: the trouble has been reported.
		return &source.Value{Shape: source.String, Text: invalid, Range: f.Range}
	}
	return f
}

// invalid replaces a string that couldn't be read. It is no name.
const invalid = "\x00"

// identify returns the name of d: that of its metadata, or the id in its body. They must agree.
func (m *manifestReader) identify(d *Declaration, name *source.Value) *source.Value {
	id := m.takeText(d, d.Body, "id", "id")
	if name == nil {
		return id
	}
	if id != nil && id.Text != name.Text && id.Text != invalid && name.Text != invalid {
		m.diags.Errorf(id.Range, "", "Conflicting names", "id is %q, but name (%s) is %q. They must be equal; id may be left out.", message.Shorten(id.Text), name.Range, message.Shorten(name.Text))
	}
	return name
}

// finish sets the path of d, which is written in cell unless that is nil, and reads the containers in it.
func (m *manifestReader) finish(d *Declaration, name *source.Value, cell *Declaration) {
	if name != nil {
		d.Declared = name.Range
	}
	parent := m.parent(d, cell)
	if name != nil && name.Text != invalid {
		d.Path = ChildPath(m.diags, d.Kind, parent, name)
	}
	m.decls = append(m.decls, d)
	if d.Kind == resource.KindCell {
		m.containers(d)
	}
}

// parent returns the path above d: that of the cell it is written in, or the one that the fields of its spec name. It
// is empty for a realm, and once something wrong has been reported.
func (m *manifestReader) parent(d, cell *Declaration) resource.Path {
	var parent resource.Path
	complete := true
	fields, required := manifest.ParentFields(d.Kind)
	for i, name := range fields {
		v := m.takeText(d, d.Body, name, name)
		switch {
		case cell != nil:
			if v != nil && v.Text != invalid && cell.Path != "" && cell.Path.Names()[i] != v.Text {
				m.diags.Errorf(v.Range, "", "Conflicting parents", "%s is %q, but the cell it is written in is %s. Leave it out, or write %q.", name, message.Shorten(v.Text), cell.Path, cell.Path.Names()[i])
			}
		case v == nil && i >= required:
			if lower := m.lowerParent(d, fields[i+1:]); lower != "" {
				m.diags.Errorf(d.Declared, "", "Missing parent", "%s is missing from spec, but %s is there: a %s names its parents from the realm down.", name, lower, d.Kind.Lower())
				complete = false
			}
		case v == nil:
			m.diags.Errorf(d.Declared, "", "Missing parent", "%s is missing from spec: a %s must name the %s it belongs to.", name, d.Kind.Lower(), resource.Kinds[i].Lower())
			complete = false
		case v.Text == invalid:
			complete = false
		default:
			above := ChildPath(m.diags, resource.Kinds[i], parent, v)
			complete = complete && above != ""
			parent = above
		}
	}
	switch {
	case cell != nil:
		return cell.Path
	case !complete:
		return ""
	}
	return parent
}

// lowerParent takes the fields of the spec of d, and returns the name of one that is there, or "".
func (m *manifestReader) lowerParent(d *Declaration, fields []string) (found string) {
	for _, name := range fields {
		if d.Body.Take(name) != nil {
			found = name
		}
	}
	return found
}

// containers reads the containers that are written within a cell.
func (m *manifestReader) containers(cell *Declaration) {
	list := cell.Body.Take("containers")
	if list == nil {
		return
	}
	if list.Shape != source.List {
		m.diags.Errorf(list.Range, cell.Path, "Wrong type", "spec.containers must be a list of container specs, but this is %s.", list.Describe())
		return
	}
	for i, item := range list.Items {
		if item.Shape != source.Object {
			m.diags.Errorf(item.Range, cell.Path, "Wrong type", "spec.containers[%d] must be an object, the spec of a container, but this is %s.", i, item.Describe())
			continue
		}
		d := &Declaration{Kind: resource.KindContainer, Spelling: YAML, Declared: item.Range, Body: item}
		name := m.identify(d, m.takeText(d, item, "name", "name"))
		if name == nil {
			m.diags.Errorf(d.Declared, cell.Path, "Missing name", "spec.containers[%d] has no id. Give the container one: it is its name.", i)
		}
		m.finish(d, name, cell)
	}
}

func (m *manifestReader) unknownFields(v *source.Value, owner string, known []string) {
	for _, f := range v.Fields {
		hint := message.Suggest(f.Name, known)
		if hint == "" {
			hint = fmt.Sprintf(" Its fields are %s.", strings.Join(known, ", "))
		}
		m.diags.Errorf(f.At, "", "Unsupported field", "%s has no field %q.%s", owner, message.Shorten(f.Name), hint)
	}
}

// SettingsBlock is the type of the block that holds the settings of a configuration.
const SettingsBlock = "kuke"
