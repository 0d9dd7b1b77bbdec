package state

// The values of [Status.Run]: how the user has stopped a container.
const (
	RunStopped = "stopped"
	RunKilled  = "killed"
	RunPaused  = "paused"
)
