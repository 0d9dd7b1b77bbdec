// Package resource is the vocabulary of kuke: the five kinds of resource of one host, their paths, their
// attributes and the tree they form.
//
// It is pure data. It reads no file, talks to no daemon and imports nothing but the standard library.
// The configuration (package config) fills a [Tree] from HCL and YAML; the state (package planner/state)
// keeps the same specs as records; the planner compares the two; the executor makes them real.
//
// What an attribute is — its type, what changing it costs, whether it is secret — is stated once, in the
// struct tags of its field, and read by everyone through [Kind.Attributes].
package resource
