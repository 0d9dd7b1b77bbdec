package config

import (
	"github.com/kukeon/kuke/config/resource"
)

// maxArguments is the bound of Linux for all arguments and variables of an execve, in bytes with a pointer each: a quarter
// of the default limit of a stack.
const maxArguments = 2 << 20

// checkArguments bounds the arguments and the variables of a container together. Those of its image come on top.
func checkArguments(r *resource.Resource, c *resource.Container, diags *resource.Diagnostics) {
	const each = 1 + 8 // the NUL at its end, and a pointer to it
	total := 0
	for _, arg := range c.Args {
		total += len(arg) + each
	}
	for name, value := range c.Env {
		total += len(name) + 1 + len(value) + each
	}
	if total > maxArguments {
		diags.Errorf(r.RangeOf("args"), r.Path, "Too many arguments", "The arguments and environment variables take %d bytes together, but Linux passes at most %d to a program. Put large values in files and mount them.", total, maxArguments)
	}
}
