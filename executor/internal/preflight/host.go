package preflight

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/planner/plan"
)

// Host returns the flaws of a container that do not depend on its image, but on this host alone.
func Host(c *resource.Container) []plan.Flaw {
	return ulimitFlaws(c)
}

func ulimitFlaws(c *resource.Container) []plan.Flaw {
	limit, err := resource.ParseUlimit(c.Ulimits["nofile"])
	most := spec.MaxOpenFiles()
	if err != nil || uint64(limit.Hard) <= most {
		return nil
	}
	return []plan.Flaw{{Attribute: `ulimits["nofile"]`, Summary: "Limit is too high",
		Text: fmt.Sprintf("sets nofile to %s, but a process of this host can have at most %d open files. Lower the limit, or raise fs.nr_open of the host.", limit, most)}}
}
