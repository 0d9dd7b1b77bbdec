// Package executor observes the host and changes it: containerd namespaces, images and containers, cgroups and network
// namespaces.
//
// [Executor.Refresh] observes the host for the planner. [Executor.Apply] carries out a plan, step by step and in parallel,
// and records each change in the state as soon as it is done. It decides nothing: the plan holds every action with its
// values. There is one file for each kind of resource and each concern, with the name that it has in package planner. The
// packages below internal talk to containerd, the kernel and the file system.
//
// A plan holds no sensitive value: before planning, [Executor.Seal] replaces them by digests and keeps the values in
// memory, and [Executor.Provide] checks that every value is known that a plan needs.
package executor
