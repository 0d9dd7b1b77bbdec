// Package view prints what kuke has to say: plans, progress, outcomes, tables and diagnostics, for people and
// as JSON. It is the only place that does, decides nothing and reads nothing but what it is given.
package view
