// Package source reads files: which belong to a configuration, their text in one encoding, the places in it, and the values
// that are written there, in HCL or in YAML, with the place of each.
//
// It bounds size and nesting before a parser sees a text. It knows nothing of resources' attributes and evaluates nothing.
package source
