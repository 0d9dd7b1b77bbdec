// Package config reads what users write, in HCL or YAML, into one tree of typed resources ([resource.Tree]).
//
// The two spellings meet early. Each reader (hcl.go; yaml.go and manifest.go) turns its source into values and
// declarations (node.go), which know where they were written; one decoder (decode.go) fills the specs from them,
// driven by the schema that package resource states in its struct tags. So types, unknown names, bounds and checks
// are judged once, and in the same words. What concerns more than one attribute follows in container.go, cell.go,
// dependency.go, network.go and realm.go.
//
// The same schema serves those who write: encode.go and encode_yaml.go put a tree into words again (convert.go from one
// spelling into the other), jsonschema.go tells editors of manifests, and explain.go tells people. format.go lays out HCL.
//
// The package reads the files it is pointed at and nothing else: it doesn't ask the host, the state or a
// registry whether what is written makes sense there. Whatever the input, it returns diagnostics and never panics.
package config
