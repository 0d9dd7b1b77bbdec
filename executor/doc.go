// Package executor looks at the host and changes it: containerd namespaces, images and containers, cgroups
// and network namespaces.
//
// [Executor.Refresh] reads what is there, for the planner. [Executor.Apply] carries out a plan, step by step
// and in parallel, and records each change in the state as soon as it is done. It decides nothing: what to do
// and with which values is in the plan.
//
// Values that must not be stored are in no plan: [Executor.Seal] puts digests in their place before planning and keeps
// what they stand for in memory, [Executor.Provide] sees that all are at hand that a plan takes.
package executor
