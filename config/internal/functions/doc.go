// Package functions holds the functions that expressions may call: those that users of Terraform reach for daily, under
// the same names and with the same arguments.
//
// Most come from libraries: cty's stdlib, go-cty-yaml and go-cidr. What is added here are the few that none of them has,
// and bounds: no function makes much out of little (limits.go), and none reads a file that it may not (file.go).
// Every function is deterministic: the same arguments, and the same files, give the same result. Those of Terraform that
// aren't can't be called, and [Excluded] says why.
//
// What is sensitive carries the mark [Sensitive], and so does all that a function makes of it.
package functions
