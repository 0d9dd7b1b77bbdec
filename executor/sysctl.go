package executor

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/planner/state"
)

// resetSysctls takes the parameters that the container has set in the network namespace of its cell back, save for those that
// other containers of the cell set. Those of a root container go with the namespace.
func (k containerKind) resetSysctls(r *state.Record) error {
	own := r.Spec.(*resource.Container).NetSysctls()
	if len(own) == 0 {
		return nil
	}
	for p, other := range k.executor.store.Records() {
		if c, ok := other.Spec.(*resource.Container); ok && p != r.Path && p.Parent() == r.Path.Parent() {
			maps.DeleteFunc(own, func(name, _ string) bool { return c.Sysctls[name] != "" })
		}
	}
	err := netns.Reset(netns.Path(k.executor.cellID(r.Path.Parent())), slices.Collect(maps.Keys(own)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
