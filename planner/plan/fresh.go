package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// ErrStale says that the state has changed since the plan, or that the host differs from the plan's assumptions.
var ErrStale = errors.New("saved plan is stale")

// CheckFresh returns an error that wraps [ErrStale] if the state is not the one that p was made from, and another error if
// p was edited and contradicts the state.
func (p *Plan) CheckFresh(st *state.State) error {
	if now := PriorOf(st); now.Fingerprint != p.Prior.Fingerprint {
		return fmt.Errorf("%w: it was made from serial %d of the state, which is at serial %d now, for example because the plan was applied already: plan again", ErrStale, p.Prior.Serial, now.Serial)
	}
	var diags resource.Diagnostics
	st, moves := MoveAndImport(st, p.Moves, p.Imports, &diags)
	if diags.HasErrors() || !sameJSON(moves, p.Moves) {
		return errors.New("the plan does not hold the records of its moves. Plan again")
	}
	if err := p.checkOthers(st); err != nil {
		return err
	}
	changes, names := p.ChangesByPath(), state.HostNamesOf(st)
	for _, c := range p.Changes {
		have := st.Records[c.Path]
		if have != nil && !sameJSON(have, c.Before) || have == nil && c.Before != nil && (c.Before.Status.CreatedAt != nil || c.Before.Status.Attachment != nil) || (have == nil && c.Before != nil) != c.Unrecorded {
			return fmt.Errorf("the plan does not hold the record of %s: plan again", c.Path)
		}
		if err := c.validateNames(st, names, changes); err != nil {
			return fmt.Errorf("%w: plan again", err)
		}
		if changes[c.Path.Realm()] == nil && c.After != nil && !c.Path.IsVolume() && c.After.Status.Namespace != st.Namespace(c.Path, nil) {
			return fmt.Errorf("the plan puts %s into containerd namespace %s: plan again", c.Path, c.After.Status.Namespace)
		}
	}
	return nil
}

// checkOthers makes sure that the records and outputs without a change are those of st: reviewers have seen them.
func (p *Plan) checkOthers(st *state.State) error {
	for _, r := range slices.Concat(p.Unchanged, p.Untargeted, p.Kept) {
		if have := st.Records[r.Path]; have == nil || !sameJSON(have, r) {
			return fmt.Errorf("the plan does not hold the record of %s: plan again", r.Path)
		}
	}
	for name, o := range p.KeptOutputs {
		if !sameJSON(o, st.Outputs[p.Project][name]) {
			return fmt.Errorf("%w: the output %s has changed since: plan again", ErrStale, name)
		}
	}
	return nil
}

// sameJSON compares values by their JSON: values read from different files may differ in the location of equal times.
func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// recordAfter returns the record that p has after the changes, or nil.
func recordAfter(st *state.State, changes map[resource.Path]*Change, p resource.Path) *state.Record {
	if c := changes[p]; c != nil {
		return c.After
	}
	return st.Records[p]
}

func sameNames(a, b *state.Network) bool {
	return b != nil && a.Name == b.Name && a.File == b.File && a.Bridge == b.Bridge
}

// validateNames makes sure that the objects of the change on the host have names that follow from its path or from st.
func (c *Change) validateNames(st *state.State, names *state.HostNames, changes map[resource.Path]*Change) error {
	if c.After == nil {
		return nil
	}
	if !names.Belongs(c.Path, &c.After.Status) {
		return fmt.Errorf("%s claims a name on the host that belongs to another resource", c.Path)
	}
	var had state.Status
	if have := st.Records[c.Path]; have != nil {
		had = have.Status
	} else if c.Before != nil && c.Path.Kind() == resource.KindContainer {
		had = c.Before.Status // whose id its labels tell, see [planner.CheckHost]
	}
	after := c.After.Status
	above := path.Dir(resource.CgroupOf(c.Path, c.After.Spec))
	if r := recordAfter(st, changes, c.Path.Parent()); r != nil {
		above = r.Status.Cgroup
	}
	if after.Cgroup != had.Cgroup && !isCgroupOf(after.Cgroup, above, c.Path, c.After.Spec) {
		return fmt.Errorf("%s claims the cgroup %q of another resource", c.Path, after.Cgroup)
	}
	if after.CellID != had.CellID && !resource.IsVariant(after.CellID, func(n int) string { return state.CellIDVariant(c.Path, n) }) {
		return fmt.Errorf("%s claims the cell %q of another resource", c.Path, after.CellID)
	}
	if n := after.Network; n != nil && !sameNames(n, had.Network) && !c.mayName(n) {
		return fmt.Errorf("network %q is not that of %s", n.Name, c.Path)
	}
	if a := after.Attachment; a != nil {
		for _, i := range a.Interfaces {
			if space := recordAfter(st, changes, i.Space); space != nil && !sameNames(&i.Network, space.Status.Network) {
				return fmt.Errorf("network %q is not that of %s", i.Network.Name, i.Space)
			}
		}
	}
	return nil
}

// mayName reports whether the network of the change's space can have these names: the names of its path, or of an unrecorded
// network that is labelled with its path.
func (c *Change) mayName(n *state.Network) bool {
	return resource.IsVariant(n.Name, func(i int) string { name, _, _ := resource.NetworkVariant(c.Path, i); return name }) || c.Action == Create && wellNamed(n)
}
