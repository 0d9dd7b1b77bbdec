package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
)

// manifestFile is a manifest in a file.
type manifestFile struct {
	APIVersion string          `json:"apiVersion"`
	Kind       resource.Kind   `json:"kind"`
	Metadata   metadata        `json:"metadata"`
	Spec       json.RawMessage `json:"spec"`
	Status     *Status         `json:"status,omitempty"`
}

type metadata struct {
	Name string `json:"name"`
}

// EncodeManifest returns r as a v1beta1 manifest in YAML. As a configuration it declares the same resource.
func EncodeManifest(r *Record) ([]byte, error) {
	return manifest.Encode(&manifest.Document{Path: r.Path, Spec: r.Spec, Status: &r.Status})
}

// toMap keeps numbers as text: as float64 large ones would lose digits.
func toMap(v any) (map[string]any, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	m := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return m, dec.Decode(&m)
}

// decodeManifest reads the manifest of [EncodeManifest] for the resource at p.
func decodeManifest(p resource.Path, data []byte) (*Record, error) {
	var m manifestFile
	if err := yaml.UnmarshalStrict(data, &m); err != nil {
		return nil, fmt.Errorf("the file can't be parsed (%s)", strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "))
	}
	if m.APIVersion != resource.APIVersion || m.Kind != p.Kind() {
		return nil, fmt.Errorf("it has kind %q of %q instead of %s of %s", m.Kind, m.APIVersion, p.Kind(), resource.APIVersion)
	}
	fields, err := toMap(m.Spec)
	if err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	names := append(p.Parent().Names(), p.Name())
	for i, field := range append(manifest.ParentFieldsOf(p), "id") {
		if got := fields[field]; got != names[i] {
			return nil, fmt.Errorf("spec.%s is %v, but its place in the tree implies %q", field, got, names[i])
		}
		delete(fields, field)
	}
	if data, err = json.Marshal(fields); err != nil {
		return nil, err
	}
	spec := resource.NewSpec(p.Kind())
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(spec); err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	r := &Record{Path: p, Spec: spec}
	if m.Status != nil {
		r.Status = *m.Status
	}
	return r, nil
}
