// Package module holds a module as its files say: the blocks of variables, local values, outputs, calls and resources, and
// the manifests. Nothing of it is evaluated yet, save arguments that must be written out.
package module
