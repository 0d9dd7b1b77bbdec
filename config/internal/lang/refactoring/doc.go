// Package refactoring reads the blocks moved, removed and import: which resource of the state becomes which of the
// configuration. Their addresses may be of resources that are declared no longer.
package refactoring
