// Package review derives from a plan the risks ([plan.Hazard]), the effect on running containers ([plan.Cost]), and the groups of
// equal changes ([Fold]), for reviewers. It decides nothing and is pure: facts of the host and of registries are its input.
package review
