package planner

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// OutputChange is what happens to a value that the configuration gives out.
type OutputChange struct {
	Name string `json:"name"`
	// Before and After are the values as they are recorded, nil where there is none.
	Before *state.Output `json:"before,omitempty"`
	After  *state.Output `json:"after,omitempty"`
}

// outputChanges returns how the outputs of the project change; the wanted ones are nil where nobody says.
func outputChanges(prior *state.State, o *Options) []OutputChange {
	if o.ByHand || len(o.Targets) > 0 || o.Outputs == nil && !o.Destroy {
		return nil
	}
	have, want := prior.Outputs[o.Project], o.Outputs
	if o.Destroy {
		want = nil
	}
	names := maps.Clone(have)
	if names == nil {
		names = map[string]*state.Output{}
	}
	maps.Copy(names, want)
	var changes []OutputChange
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, after := have[name], want[name]
		if before != nil && after != nil && sameOutput(before, after) {
			continue
		}
		changes = append(changes, OutputChange{Name: name, Before: before, After: after})
	}
	return changes
}

func sameOutput(a, b *state.Output) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// Computed returns what the plan works out for the resources that there will be, by the names that configurations refer to
// them by.
func Computed(plan *Plan, prior *state.State) map[resource.Path]map[string]string {
	all := map[resource.Path]map[string]string{}
	records := maps.Clone(plan.MovedAndImported(prior).Records)
	for _, c := range plan.Changes {
		records[c.Path] = c.After
	}
	for p, r := range records {
		if r == nil {
			continue
		}
		if c, ok := r.Spec.(*resource.Container); ok {
			all[p] = map[string]string{"root": strconv.FormatBool(c.Root)}
		}
		if n := r.Status.Network; n != nil {
			all[p] = map[string]string{"subnet": n.Subnet, "gateway": n.Gateway, "bridge": n.Bridge}
		}
		if a := r.Status.Attachment; a != nil && len(a.Interfaces) > 0 {
			address, _, _ := strings.Cut(a.Interfaces[0].Address, "/")
			if prefix, err := netip.ParsePrefix(a.Interfaces[0].Address); err == nil {
				address = prefix.Addr().String()
			}
			all[p] = map[string]string{"address": address}
		}
	}
	return all
}
