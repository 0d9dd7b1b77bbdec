// Package view prints all output of kuke: plans, progress, outcomes, tables and diagnostics, for people and as JSON.
// It makes no decisions, and reads nothing beyond the arguments of its functions.
package view
