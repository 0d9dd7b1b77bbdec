// Package plan is the vocabulary of planning: a plan with its changes and steps, the observed host, and the file of a saved
// plan.
//
// It decides nothing: package planner makes plans, package executor applies them, and both import this one, like the view of a
// plan. The results of its functions follow from a plan, a state or a host alone: the /etc/hosts of a cell, the kills that a
// cgroup counted, the validation of a plan file.
package plan
