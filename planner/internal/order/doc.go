// Package order turns the changes of a plan into steps, and says which step waits for which.
//
// Resources are built up parents first, and taken down in the reverse order. It decides nothing of the changes themselves.
package order
