// Package session holds the use cases of kuke: to load a configuration, to plan, to apply, to operate on containers, to import
// one, and to change or rebuild the state. It owns the lock of the state, and the order in which a use case calls the packages
// below it:
//
//	config.Load        the configuration and its project, before the host is asked for anything
//	executor.Connect   before the lock: nobody waits for a containerd that does not answer
//	state.Acquire      only for use cases that change the state or the host
//	TidyUp, Recover    leftovers of killed commands, and lost records
//	CheckFresh         only of a saved plan
//	UseKey             the key of a saved plan
//	Seal               the sensitive values of the configuration
//	Wanted             the configuration as it is planned
//	Refresh            the host; or Assume, Tasks, LookAgain
//	New                the plan; or Operate, RefreshOnly, CheckHost
//	PlanKey            the key that the values of the plan are sealed with
//	Provide            the values that the plan needs
//	rehearse           only of a plan that is not applied: its steps in a lab
//	Review             the caller shows the plan and asks for approval
//	Apply              the steps
//
// [Session.plan] and [Session.run] are that list as code; where the plan comes from is a [source]. The package prints nothing
// and knows no flags: whoever calls it implements [Reporter], [Progress], [Interrupts] and [RunOptions.Review].
package session
