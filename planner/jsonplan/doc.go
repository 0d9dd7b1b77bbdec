// Package jsonplan makes the documents in which Terraform writes plans, states and versions as JSON, so that the tools and
// policies for these read kuke's. A document is a function of its arguments: no time is in it, and the same plan gives the same
// bytes. Arrays are never null. No sensitive value is in it: see [resource.Values].
//
// Facts that Terraform's format has no place for are in objects called kuke. The topic json of the manual describes every
// field; a test of package view compares it with the types of this package.
package jsonplan
