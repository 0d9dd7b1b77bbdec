package plan

import (
	"slices"

	"github.com/kukeon/kuke/config/resource"
)

// Commits returns, for each step of the plan, the steps that must follow once it has begun, even after an interrupt: the steps
// that create or start a resource again that it stops or deletes, or the new root container of the cell. The dependencies of
// these steps belong to the same unit. A check does not start anything: it is part of a unit only if another step of the unit
// waits for it.
func (p *Plan) Commits() [][]int {
	back := map[resource.Path][]int{}
	for i, s := range p.Steps {
		if s.Path != "" && slices.Contains(bringBack, s.Op) {
			back[s.Path] = append(back[s.Path], i)
		}
	}
	roots := map[resource.Path]resource.Path{}
	for _, c := range p.Changes {
		if c.After != nil && isRootSpec(c.After.Spec) {
			roots[c.Path.Parent()] = c.Path
		}
	}
	changes := p.ChangesByPath()
	commits := make([][]int, len(p.Steps))
	for i, s := range p.Steps {
		if s.Op != OpDelete && s.Op != OpStop {
			continue
		}
		commits[i] = back[s.Path]
		if c := changes[s.Path]; c != nil && c.Action == Delete && isRootSpec(c.Before.Spec) {
			commits[i] = back[roots[s.Path.Parent()]]
		}
	}
	return commits
}

// bringBack are the operations that create or start a resource.
var bringBack = []Op{OpCreate, OpUpdate, OpStart}

func isRootSpec(spec resource.Spec) bool {
	c, ok := spec.(*resource.Container)
	return ok && c.Root
}
