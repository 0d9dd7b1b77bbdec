package plan

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Facts are observations of the host and of registries for the review of a plan, beyond those that the plan was made from.
type Facts struct {
	// Files are the files in the own file systems of the containers that the plan deletes or replaces. A container whose files
	// could not be looked at has no entry.
	Files map[resource.Path]Files
	// Use is the present use of the resources whose limits the plan lowers, see [Lowers]. A resource without a cgroup has no entry.
	Use map[resource.Path]Use
	// Sizes are the compressed sizes in bytes, for this host's platform, of the images that the plan pulls, by their digests. An
	// image whose size the registry did not tell has no entry.
	Sizes map[string]int64
}

// Files are those that a container has written to its own file system, outside of its volumes, and of the directories for files
// that need not be kept: /tmp, /run, /var/cache and their like.
type Files struct {
	Bytes int64
	// Largest is the path of the largest one in the container, empty where there are no files or their names are unknown.
	Largest string
}

// Use is the use of a cgroup with all those below it. A number that the host doesn't account for is negative.
type Use struct {
	// Memory is in bytes, without the file cache that the kernel can drop. PIDs counts processes and threads.
	Memory, PIDs int64
}

// Lowers reports which limits of an existing resource the change lowers, or sets for the first time. actual tells the limits that
// are in force; without it the record does.
func (c *Change) Lowers(actual *Actual) (memory, pids bool) {
	if c.Before == nil || c.After == nil || c.Action != Update && c.Action != Replace {
		return false, false
	}
	before, after := inForce(c.Before, actual), resource.ResourcesOf(c.After.Spec)
	lower := func(before, after int64) bool { return after > 0 && (before <= 0 || after < before) }
	return lower(before.Memory, after.Memory), lower(before.PIDs, after.PIDs)
}

// inForce returns the limits of a recorded resource.
func inForce(r *state.Record, actual *Actual) *resource.Resources {
	if actual != nil {
		if limits, ok := actual.Cgroups[r.Status.Cgroup]; ok {
			return &limits
		}
	}
	return resource.ResourcesOf(r.Spec)
}
