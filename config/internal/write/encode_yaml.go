package write

import (
	"bytes"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
)

// EncodeYAML returns the tree as manifests that package config reads back as the very same tree: a document for each resource,
// parents first.
func EncodeYAML(tree *resource.Tree) []byte {
	var b bytes.Buffer
	for i, r := range InOrder(tree) {
		if i > 0 {
			b.WriteString("---\n")
		}
		data, err := manifest.Encode(&manifest.Document{Path: r.Path, Spec: writtenSpec(r), External: r.External, Lifecycle: r.Lifecycle, Units: true})
		if err != nil {
			panic("config: a resource is always YAML: " + err.Error())
		}
		b.Write(data)
	}
	return b.Bytes()
}
