package plan

import (
	"fmt"
	"maps"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// Move is a resource that the configuration has renamed, with all its descendants. It keeps running.
type Move struct {
	From resource.Path `json:"from"`
	To   resource.Path `json:"to"`
	// Records are those that change in the state: those at and below To, parents first, and then those that refer to them.
	Records  []*state.Record `json:"records"`
	Declared resource.Range  `json:"-"`
}

// Removal is a removed block: a resource that has left the configuration.
type Removal struct {
	From resource.Path
	// Forget removes only the record: the resource keeps running.
	Forget   bool
	Declared resource.Range
}

// Import is a container that kuke did not create and that becomes a resource of the configuration.
type Import struct {
	Record *state.Record `json:"record"`
}

// MoveAndImport returns a state in which the moves and imports have been made, and the moves of an interrupted run; and the
// moves with their records. It skips completed moves, and reports resources that can't be moved.
func MoveAndImport(prior *state.State, wanted []Move, imports []Import, diags *resource.Diagnostics) (*state.State, []Move) {
	unfinished := prior.Unfinished()
	if len(wanted) == 0 && len(imports) == 0 && len(unfinished) == 0 {
		return prior, nil
	}
	ends, declared := maps.Clone(unfinished), map[resource.Path]resource.Range{}
	for _, m := range wanted {
		declared[m.From] = m.Declared
		if to, ok := unfinished[m.From]; ok && to != m.To {
			ends[to] = m.To // the interrupted move has a new destination
			continue
		}
		ends[m.From] = m.To
	}
	st := prior.Clone()
	renamings, refused := st.Rename(ends)
	for _, r := range refused {
		if !r.Taken {
			diags.Errorf(declared[r.From], r.From, "Invalid move", "%v.", r.Err)
			continue
		}
		diags.Warnf(declared[r.From], r.From, "Not moved", "%s %s is not moved to %s, since %v: it is treated as if it were not moved. Where both are to go on, keep both in the configuration and remove the block moved; to make one of the two the other, destroy that first.",
			r.From.Kind().Lower(), r.From, r.To, r.Err)
	}
	st.Renamed(renamings)
	made := movesOf(renamings)
	for i := range made {
		made[i].Declared = declared[made[i].From]
	}
	for _, i := range imports {
		st.Records[i.Record.Path] = i.Record
	}
	return st, made
}

// RenameByHand returns the move of the recorded resource at from to the path to, or the reason why it can't be moved.
func RenameByHand(st *state.State, from, to resource.Path) ([]Move, error) {
	switch {
	case st.Records[from] == nil:
		return nil, st.Missing(from)
	case from == to:
		return nil, fmt.Errorf("%s is its name already", from)
	}
	renamings, refused := st.Rename(map[resource.Path]resource.Path{from: to})
	if len(refused) > 0 {
		return nil, refused[0].Err
	}
	return movesOf(renamings), nil
}

func movesOf(renamings []state.Renaming) []Move {
	var moves []Move
	for _, r := range renamings {
		moves = append(moves, Move{From: r.From, To: r.To, Records: r.Records})
	}
	return moves
}

// MovedAndImported returns the state after the moves and imports of the plan.
func (p *Plan) MovedAndImported(st *state.State) *state.State {
	if len(p.Moves) == 0 && len(p.Imports) == 0 {
		return st
	}
	after := st.Clone()
	after.Renamed(renamingsOf(p.Moves))
	for _, i := range p.Imports {
		after.Records[i.Record.Path] = i.Record
	}
	return after
}

func renamingsOf(moves []Move) []state.Renaming {
	renamings := make([]state.Renaming, len(moves))
	for i, m := range moves {
		renamings[i] = state.Renaming{From: m.From, To: m.To, Records: m.Records}
	}
	return renamings
}

// movedDigests returns the namespaces with the digests that containers have after moves: they name the volumes that they mount.
func movedDigests(namespaces map[string]*Namespace, before, after *state.State, was func(resource.Path) resource.Path) map[string]*Namespace {
	changed := maps.Clone(namespaces)
	for p, r := range after.Records {
		had := before.Records[was(p)]
		ns := changed[r.Status.Namespace]
		if had == nil || ns == nil || had.Status.SpecDigest == r.Status.SpecDigest {
			continue
		}
		c := ns.Containers[r.Status.ContainerID]
		if c == nil || c.Labels[LabelSpecDigest] != had.Status.SpecDigest {
			continue
		}
		again, container := *ns, *c
		container.Labels = maps.Clone(c.Labels)
		container.Labels[LabelSpecDigest] = r.Status.SpecDigest
		again.Containers = maps.Clone(ns.Containers)
		again.Containers[r.Status.ContainerID] = &container
		changed[r.Status.Namespace] = &again
	}
	return changed
}

// Moved returns the observed host with the paths that recorded resources have after the moves, as the executor leaves it;
// before and after are the states. Files in /etc that are correct before the moves are correct after them.
func (a *Actual) Moved(moves []Move, before, after *state.State) *Actual {
	if len(moves) == 0 {
		return a
	}
	former := map[resource.Path]resource.Path{} // by the new path
	for _, m := range moves {
		for _, r := range m.Records {
			if m.To.Contains(r.Path) {
				former[r.Path] = m.From + r.Path[len(m.To):]
			}
		}
	}
	was := func(p resource.Path) resource.Path {
		if from, ok := former[p]; ok && before.Records[from] != nil {
			return from
		}
		return p
	}
	found := *a
	found.Networks, found.Cells, found.FileDrift = map[resource.Path][]string{}, map[resource.Path]*CellNetwork{}, map[resource.Path][]string{}
	found.Namespaces = movedDigests(a.Namespaces, before, after, was)
	then, now := NewHosts(NamesOf(before)), NewHosts(NamesOf(after))
	for p, r := range after.Records {
		from := was(p)
		if drift := a.Networks[from]; drift != nil {
			found.Networks[p] = drift
		}
		if drift := a.FileDrift[from]; drift != nil {
			found.FileDrift[p] = drift
		}
		c := a.Cells[from]
		if c == nil {
			continue
		}
		cell := *c
		if had := before.Records[from]; had != nil && cell.Hosts == then.File(from, had.Status.Attachment) {
			cell.Hosts = now.File(p, r.Status.Attachment)
		}
		found.Cells[p] = &cell
	}
	return &found
}
