package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
)

var yamlFormat = &format{
	field:     "field",
	attribute: func(a *resource.Attribute) string { return a.Name },
	rootID:    "rootContainerId",
	reserved: func(k resource.Kind) []string {
		names := append([]string{"id", "external"}, manifest.ParentFields(k)...)
		if k == resource.KindCell {
			names = append(names, "rootContainerId", "containers")
		}
		return names
	},
}

// manifestReader turns the documents of one YAML file into declarations.
type manifestReader struct {
	diags *resource.Diagnostics
	decls []*declaration
}

func readYAML(name string, data []byte, diags *resource.Diagnostics) []*declaration {
	m := &manifestReader{diags: diags}
	documents(name, data, diags, m.manifest)
	return m.decls
}

var manifestFields = []string{"apiVersion", "kind", "metadata", "spec", "status"}

// manifest reads one document.
func (m *manifestReader) manifest(doc *value) {
	if doc.kind != objectKind {
		m.diags.Errorf(doc.rng, "", "Wrong type", "A document is a manifest: an object with the fields apiVersion, kind, metadata and spec. But this is %s.", doc.describe())
		return
	}
	whole := doc.rng
	if len(doc.fields) > 0 {
		whole = doc.fields[0].at
	}
	doc.take("status")
	version, kindValue := doc.take("apiVersion"), doc.take("kind")
	metadata, spec := doc.take("metadata"), doc.take("spec")
	m.unknownFields(doc, "A manifest", manifestFields)
	k, ok := m.kind(version, kindValue, whole)
	if !ok {
		return
	}
	if spec == nil {
		spec = &value{kind: objectKind, rng: whole}
	}
	if spec.kind != objectKind {
		m.diags.Errorf(spec.rng, "", "Wrong type", "spec must be an object, but this is %s.", spec.describe())
		return
	}
	d := &declaration{kind: k, format: yamlFormat, declared: whole, body: spec}
	name := m.metadata(d, metadata)
	if name == nil {
		m.diags.Errorf(d.declared, "", "Missing name", "The name of the %s is missing. Write it as metadata: {name: …}.", k.Lower())
		d.body.take("id")
	} else {
		name = m.identify(d, name)
	}
	m.finish(d, name, nil)
}

// kind checks apiVersion and kind of a manifest.
func (m *manifestReader) kind(version, kindValue *value, whole resource.Range) (resource.Kind, bool) {
	ok := true
	if version == nil {
		m.diags.Errorf(whole, "", "Missing field", "apiVersion is missing. Write apiVersion: %s.", resource.APIVersion)
		ok = false
	} else if version.kind != stringKind || version.text != resource.APIVersion {
		m.diags.Errorf(version.rng, "", "Unsupported version", "apiVersion must be %q, the version this kuke reads, but this is %s.", resource.APIVersion, version.describe())
		ok = false
	}
	words := make([]string, 0, len(resource.Kinds))
	for _, k := range resource.Kinds {
		words = append(words, string(k))
	}
	if kindValue == nil {
		m.diags.Errorf(whole, "", "Missing field", "kind is missing. Write one of %s.", strings.Join(words, ", "))
		return "", false
	}
	if kindValue.kind != stringKind || !slices.Contains(words, kindValue.text) {
		hint := message.Suggest(kindValue.text, words)
		switch {
		case strings.EqualFold(kindValue.text, "project") || strings.EqualFold(kindValue.text, settingsWord):
			hint = " No manifest names the project of a configuration. Write kuke { project = \"…\" } in an HCL file beside it, or use --project or KUKE_PROJECT."
		case hint == "":
			hint = " The kinds are " + strings.Join(words, ", ") + "."
		}
		m.diags.Errorf(kindValue.rng, "", "Unsupported kind", "There is no kind %q.%s", message.Shorten(kindValue.text), hint)
		return "", false
	}
	return resource.Kind(kindValue.text), ok
}

// metadata reads the metadata of d and returns its name, or nil where there is none.
func (m *manifestReader) metadata(d *declaration, metadata *value) *value {
	if metadata == nil {
		return nil
	}
	if metadata.kind != objectKind {
		m.diags.Errorf(metadata.rng, "", "Wrong type", "metadata must be an object with the fields name and labels, but this is %s.", metadata.describe())
		return nil
	}
	name := m.takeText(d, metadata, "name", "metadata.name")
	d.labels = metadata.take("labels")
	m.unknownFields(metadata, "metadata", []string{"name", "labels"})
	return name
}

// takeText takes a field of v that must be a string; it returns nil where there is none.
func (m *manifestReader) takeText(d *declaration, v *value, name, shown string) *value {
	f := v.take(name)
	if f == nil {
		return nil
	}
	if _, ok := d.decoder(m.diags).text(f, shown, false); !ok {
		// Something to go on with: the trouble has been reported.
		return &value{kind: stringKind, text: invalid, rng: f.rng}
	}
	return f
}

// invalid stands for a string that couldn't be read. It is no name.
const invalid = "\x00"

// identify returns the name of d: that of its metadata, or the id in its body. They must agree.
func (m *manifestReader) identify(d *declaration, name *value) *value {
	id := m.takeText(d, d.body, "id", "id")
	if name == nil {
		return id
	}
	if id != nil && id.text != name.text && id.text != invalid && name.text != invalid {
		m.diags.Errorf(id.rng, "", "Conflicting names", "id is %q, but name (%s) is %q. They must be equal; id may be left out.", message.Shorten(id.text), name.rng, message.Shorten(name.text))
	}
	return name
}

// finish works out the path of d, which is written in cell unless that is nil, and reads the containers in it.
func (m *manifestReader) finish(d *declaration, name *value, cell *declaration) {
	if name != nil {
		d.declared = name.rng
	}
	parent := m.parent(d, cell)
	if name != nil && name.text != invalid {
		d.path = childPath(m.diags, d.kind, parent, name)
	}
	m.decls = append(m.decls, d)
	if d.kind == resource.KindCell {
		m.containers(d)
	}
}

// parent returns the path above d: that of the cell it is written in, or the one that the fields of its spec name. It
// is empty for a realm, and once something wrong has been reported.
func (m *manifestReader) parent(d, cell *declaration) resource.Path {
	var parent resource.Path
	complete := true
	for i, name := range manifest.ParentFields(d.kind) {
		v := m.takeText(d, d.body, name, name)
		switch {
		case cell != nil:
			if v != nil && v.text != invalid && cell.path != "" && cell.path.Names()[i] != v.text {
				m.diags.Errorf(v.rng, "", "Conflicting parents", "%s is %q, but the cell it is written in is %s. Leave it out, or write %q.", name, message.Shorten(v.text), cell.path, cell.path.Names()[i])
			}
		case v == nil:
			m.diags.Errorf(d.declared, "", "Missing parent", "%s is missing from spec: a %s must name the %s it belongs to.", name, d.kind.Lower(), resource.Kinds[i].Lower())
			complete = false
		case v.text == invalid:
			complete = false
		default:
			above := childPath(m.diags, resource.Kinds[i], parent, v)
			complete = complete && above != ""
			parent = above
		}
	}
	switch {
	case cell != nil:
		return cell.path
	case !complete:
		return ""
	}
	return parent
}

// containers reads the containers that are written within a cell.
func (m *manifestReader) containers(cell *declaration) {
	list := cell.body.take("containers")
	if list == nil {
		return
	}
	if list.kind != listKind {
		m.diags.Errorf(list.rng, cell.path, "Wrong type", "spec.containers must be a list of container specs, but this is %s.", list.describe())
		return
	}
	for i, item := range list.items {
		if item.kind != objectKind {
			m.diags.Errorf(item.rng, cell.path, "Wrong type", "spec.containers[%d] must be an object, the spec of a container, but this is %s.", i, item.describe())
			continue
		}
		d := &declaration{kind: resource.KindContainer, format: yamlFormat, declared: item.rng, body: item}
		name := m.identify(d, m.takeText(d, item, "name", "name"))
		if name == nil {
			m.diags.Errorf(d.declared, cell.path, "Missing name", "spec.containers[%d] has no id. Give the container one: it is its name.", i)
		}
		m.finish(d, name, cell)
	}
}

func (m *manifestReader) unknownFields(v *value, what string, known []string) {
	for _, f := range v.fields {
		hint := message.Suggest(f.name, known)
		if hint == "" {
			hint = fmt.Sprintf(" Its fields are %s.", strings.Join(known, ", "))
		}
		m.diags.Errorf(f.at, "", "Unsupported field", "%s has no field %q.%s", what, message.Shorten(f.name), hint)
	}
}
