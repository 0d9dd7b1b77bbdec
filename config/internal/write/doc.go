// Package write puts the schema of resources and their specs into words: a tree as HCL or as manifests, the JSON Schema of
// manifests, the explanation of a kind or an attribute, and HCL text in canonical form.
//
// It evaluates nothing. Whether a text that it wrote says the same as the tree, the reader of the text tells ([Same]).
package write
