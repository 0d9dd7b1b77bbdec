// Package assemble puts the declarations of a configuration into one tree and judges whether the resources fit together:
// names, roots of cells, networks, ports of the host, and dependencies.
//
// It judges the configuration alone, whatever there is on the host.
package assemble
