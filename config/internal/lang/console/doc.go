// Package console reads and shows expressions as Terraform's console does: which brackets a line leaves open, and values and
// types as text. It evaluates nothing.
package console
