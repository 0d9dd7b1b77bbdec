// Package lang evaluates modules: variables, local values, references, for_each and count, lifecycle, outputs, and the blocks
// moved, removed, import and check. Declared resources come out of it as declarations of package schema, and package assemble
// makes the tree of them.
//
// A value is evaluated when it is first asked for, and once. It reads files of modules and those that functions name, within
// the directory of the configuration, and asks nothing of the host.
package lang
