// Package plan is the vocabulary of planning: a plan with its changes and steps, the host as it was found, and the file that
// a plan is saved in.
//
// It decides nothing: package planner makes plans, package executor carries them out, and both import this one, as does
// whoever shows a plan. The functions here follow from a plan, a state or a host alone: the /etc/hosts of a cell, the kills
// that a cgroup counted, the check of a file that was read.
package plan
