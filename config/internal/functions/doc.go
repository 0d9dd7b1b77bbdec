// Package functions holds the functions that expressions may call: those that users of Terraform use daily, with the same names
// and arguments.
//
// Most come from libraries: cty's stdlib, go-cty-yaml and go-cidr. This package adds the few that none of them has, and limits:
// no function makes a large result out of a small argument (limits.go), and none reads a forbidden file (file.go). Every
// function is deterministic: the same arguments, and the same files, give the same result. Other functions of Terraform can't
// be called, and [Excluded] says why.
//
// A sensitive value has the mark [Sensitive], and so has every result of a function with a sensitive argument.
package functions
