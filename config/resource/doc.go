// Package resource is the vocabulary of kuke: the five kinds of resource of one host, their paths, their
// attributes and the tree they form.
//
// It is pure data: it reads no file, talks to no daemon and imports only the standard library.
// The configuration (package config) fills a [Tree] from HCL and YAML; the state (package planner/state)
// keeps the same specs as records; the planner compares the two; the executor makes them real.
//
// The properties of an attribute (its type, the effect of a change, whether it is secret) are stated once, in the struct
// tags of its field, and read through [Kind.Attributes].
package resource
