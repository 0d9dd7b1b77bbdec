package plan

import "github.com/kukeon/kuke/config/resource"

// Hazard is a risk of a plan that a reviewer needs to know of. [Plan.Hazards] are in the order of the changes, and of the
// codes for each.
type Hazard struct {
	// Code is the name of the kind of hazard, such as "data-loss": a topic of the help documents it, and a command denies it
	// by this name.
	Code string `json:"code"`
	// Path is the resource that the hazard is about.
	Path resource.Path `json:"path"`
	// Detail is a sentence: the value, the consequence, and the remedy.
	Detail string `json:"detail"`
}

// Cost is the effect of a plan on running containers, their networks and their data.
type Cost struct {
	// Restarted are the containers whose process ends and begins again; Ended those whose process ends for good.
	Restarted []resource.Path `json:"restarted"`
	Ended     []resource.Path `json:"ended"`
	// Interruptions are the cells whose network goes away for a moment.
	Interruptions []Interruption `json:"interruptions"`
	// ClosedPorts are the published ports that are closed, for good or for a moment.
	ClosedPorts []ClosedPort `json:"closed_ports"`
	// Losses are the containers whose own file system holds data that the plan deletes.
	Losses []Loss `json:"losses"`
	// Pulls are the images to pull.
	Pulls []Pull `json:"pulls"`
}

// Interruption is the time for which a cell has no network.
type Interruption struct {
	Cell resource.Path `json:"cell"`
	// Seconds is an estimate from the durations of earlier applies; nil where there are none.
	Seconds *float64 `json:"seconds"`
}

// ClosedPort is a published port that a plan closes.
type ClosedPort struct {
	Cell resource.Path `json:"cell"`
	// Port is the port as a configuration spells it, such as "8080:80/tcp".
	Port string `json:"port"`
	// Reopened says that the plan opens it again.
	Reopened bool `json:"reopened"`
}

// Loss is the data in the writable layer of a container: outside of its volumes.
type Loss struct {
	Container resource.Path `json:"container"`
	// Bytes is the size that the snapshotter tells; nil where it is unknown.
	Bytes *int64 `json:"bytes"`
}

// Pull is an image that a plan pulls.
type Pull struct {
	Reference string `json:"reference"`
	// Bytes is the compressed size for this host's platform; nil where the registry does not tell.
	Bytes *int64 `json:"bytes"`
}
