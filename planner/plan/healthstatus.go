package plan

import "time"

// The states of a [HealthStatus] beside state.Healthy and state.Unhealthy.
const (
	// HealthStarting: no check has succeeded since the start, and not enough have failed.
	HealthStarting = "starting"
	// HealthUnknown: the check had no time to end.
	HealthUnknown = "unknown"
)

// HealthStatus is the health of a container that runs, as its checks say.
type HealthStatus struct {
	// State is state.Healthy, state.Unhealthy, [HealthStarting] or [HealthUnknown].
	State string `json:"state"`
	// Since is the time from which on it has the state.
	Since time.Time `json:"since"`
	// CheckedAt is the end of the last check; zero before the first.
	CheckedAt time.Time `json:"checkedAt,omitzero"`
	// Failures is the number of failed checks in a row that count, and Detail says why the last check failed.
	Failures int    `json:"failures,omitempty"`
	Detail   string `json:"detail,omitempty"`
	// Output is the end of the output of a command that failed, without sensitive values.
	Output string `json:"output,omitempty"`
	// Restarts counts the restarts because the container was unhealthy, since kuke health run has begun.
	Restarts int `json:"restarts,omitempty"`
	// ContainerID and PID tell which task was checked: it says nothing about another one.
	ContainerID string `json:"containerId"`
	PID         uint32 `json:"pid"`
}

// CheckFailure is the reason why a check failed.
type CheckFailure struct {
	// Detail is one line, and Output the end of the output of the command that failed; both without sensitive values.
	Detail, Output string
}
