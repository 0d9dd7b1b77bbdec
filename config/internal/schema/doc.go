// Package schema turns written values into the specs of resources, by the schema that package resource states in its struct
// tags. So types, unknown names and bounds are judged once, and in the same words for HCL and YAML.
//
// A [Declaration] is one resource as it is written; [Declaration.Decode] makes the resource of it. Manifests become
// declarations here ([ReadManifests]); the blocks of HCL are evaluated before, in package lang. Whether resources fit together
// is judged in package assemble.
package schema
