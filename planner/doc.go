// Package planner compares the desired resources with the recorded state and the actual host, and decides the changes.
//
// [New] is a pure function of the desired tree (from package config), the prior state (from package state)
// and the actual host (from the executor's refresh). It uses no clock, disk or network. Its [plan.Plan] holds
// everything that will happen, with every value: the executor carries it out and decides nothing. A plan can
// be saved and applied later, as long as the state is still the one it was made from.
package planner
