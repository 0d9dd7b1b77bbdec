// Package eval evaluates modules: variables, local values, references, for_each and count, lifecycle, outputs and check
// blocks. Declared resources come out of it as declarations of package schema.
//
// A value is evaluated when it is first asked for, and once; a value that asks for itself on the way is a cycle. The package
// reads the files of modules and those that functions name, within the directory of the configuration, and asks nothing of
// the host.
package eval
