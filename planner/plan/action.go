package plan

import (
	"github.com/kukeon/kuke/config/resource"
)

// The actions.
const (
	Create   Action = "create"
	Update   Action = "update"  // changed in place
	Replace  Action = "replace" // deleted, then created
	Delete   Action = "delete"
	Start    Action = "start"    // the container exists, its task isn't running
	Restart  Action = "restart"  // the task is stopped and started again; the container stays
	Stop     Action = "stop"     // asked to stop, killed after the grace period
	Shutdown Action = "shutdown" // stopped as Stop does, but in the reverse of dependency order, and started by the next apply
	Kill     Action = "kill"     // sent a signal
	Pause    Action = "pause"    // frozen
	Unpause  Action = "unpause"  // thawed
	Record   Action = "record"   // only the record changes, to the values found on the host
	Check    Action = "check"    // stays as it is, but is waited for until it works, or has done its work
	Forget   Action = "forget"   // no longer recorded; it goes on as it is
	Adopt    Action = "adopt"    // found running just as wanted, but unrecorded: an apply was killed before it could
)

// The operations.
const (
	OpImage   Op = "image"   // pull the image if it is missing, and unpack it
	OpPrepare Op = "prepare" // make sure that the runtime can make the container, before another one of its cell is stopped
	OpCreate  Op = "create"
	OpUpdate  Op = "update"
	OpDelete  Op = "delete"
	OpStop    Op = "stop"
	OpStart   Op = "start"
	OpKill    Op = "kill"
	OpPause   Op = "pause"
	OpUnpause Op = "unpause"
	OpRecord  Op = "record"
	OpAdopt   Op = "adopt"
	OpForget  Op = "forget"
	OpCheck   Op = "check" // wait until the container is healthy, or has completed where others wait for that
	OpNames   Op = "names" // write the /etc/hosts of cells of the space
)

// Action is the kind of change of a resource.
type Action string

// Op is one kind of [Step].
type Op string

// Step is one operation of a plan. Steps are listed in an order in which they can be carried out one after
// the other.
type Step struct {
	Op   Op            `json:"op"`
	Path resource.Path `json:"path,omitempty"`
	// Image is set for [OpImage], which has no path.
	Image *Image `json:"image,omitempty"`
	// After lists the indexes of the steps that must have succeeded before.
	After []int `json:"after,omitempty"`
}
