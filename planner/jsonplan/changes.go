package jsonplan

import (
	"encoding/json"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// entry is a resource of a plan, of which exactly one is set: its change, or its record where it has none.
type entry struct {
	path       resource.Path
	change     *plan.Change
	unchanged  *state.Record
	untargeted *state.Record
}

// prior returns the record before the plan, or nil.
func (e *entry) prior() *state.Record {
	switch {
	case e.unchanged != nil:
		return e.unchanged
	case e.untargeted != nil:
		return e.untargeted
	case e.change.Unrecorded:
		return nil
	}
	return e.change.Before
}

// planned returns the record after the plan, or nil.
func (e *entry) planned() *state.Record {
	if e.change != nil {
		return e.change.After
	}
	return e.prior()
}

// builder holds the parts of a plan that its document combines, by path.
type builder struct {
	plan *plan.Plan
	// entries are in the order of their paths.
	entries   []entry
	instances map[resource.Path]*outline.Instance
	// former holds the paths before the moves, imports the ids of imported containers.
	former  map[resource.Path]resource.Path
	imports map[resource.Path]string
	values  *valueCache
}

func newBuilder(p *plan.Plan) *builder {
	b := &builder{plan: p, instances: p.Configuration.Find(), former: map[resource.Path]resource.Path{}, imports: map[resource.Path]string{}, values: newValueCache()}
	for _, c := range p.Changes {
		b.entries = append(b.entries, entry{path: c.Path, change: c})
		if c.Action == plan.Adopt {
			b.imports[c.Path] = c.After.Status.ContainerID
		}
	}
	for _, r := range p.Unchanged {
		b.entries = append(b.entries, entry{path: r.Path, unchanged: r})
	}
	for _, r := range p.Untargeted {
		b.entries = append(b.entries, entry{path: r.Path, untargeted: r})
	}
	slices.SortFunc(b.entries, func(x, y entry) int { return resource.ComparePaths(x.path, y.path) })
	for _, m := range p.Moves {
		for _, r := range m.Records {
			if m.To.Contains(r.Path) {
				b.former[r.Path] = m.From + r.Path[len(m.To):]
			}
		}
	}
	for _, i := range p.Imports {
		b.imports[i.Record.Path] = i.Record.Status.ContainerID
	}
	return b
}

// The actions of Terraform.
const (
	actionCreate = "create"
	actionUpdate = "update"
	actionDelete = "delete"
	actionForget = "forget"
	actionNone   = "no-op"
)

// actionsOf returns the actions of a change in Terraform's words. A change of the task alone, such as a start, is an update: it
// changes the running resource, and not only its record. Of a record that follows the host, and of a resource that is only waited
// for or recorded, nothing changes.
func actionsOf(c *plan.Change) []string {
	switch c.Action {
	case plan.Create:
		return []string{actionCreate}
	case plan.Replace:
		return []string{actionDelete, actionCreate}
	case plan.Delete:
		return []string{actionDelete}
	case plan.Forget:
		return []string{actionForget}
	case plan.Record:
		if c.After == nil {
			return []string{actionForget}
		}
		return []string{actionNone}
	case plan.Check, plan.Adopt:
		return []string{actionNone}
	}
	return []string{actionUpdate}
}

// reasonOf returns Terraform's word for the cause of a replacement or a deletion, or "".
func reasonOf(c *plan.Change) string {
	if c.Action == plan.Delete && c.Cause == plan.CauseConfiguration {
		return "delete_because_no_resource_config"
	}
	if c.Action != plan.Replace {
		return ""
	}
	switch c.Cause {
	case plan.CauseAttribute:
		return "replace_because_cannot_update"
	case plan.CauseRequest:
		return "replace_by_request"
	case plan.CauseTrigger:
		return "replace_by_triggers"
	case plan.CauseHost:
		return "replace_because_tainted"
	}
	return ""
}

// described returns the change of the resource at p without anything that changes.
func (b *builder) described(p resource.Path) ResourceChange {
	r := ResourceChange{
		Address: string(p), Mode: outline.Managed, Type: outline.TypeOf(p.Kind()), Name: p.Name(), ProviderName: Provider,
		Kuke: ChangeFacts{Reasons: []string{}, Changed: []string{}},
	}
	if i := b.instances[p]; i != nil {
		r.Index, r.ModuleAddress, r.Kuke.Block = i.Key(), i.Module(), i.Block
	}
	return r
}

// resourceChange returns the change of a resource that the plan looks at.
func (b *builder) resourceChange(e *entry) ResourceChange {
	r := b.described(e.path)
	r.PreviousAddress = string(b.former[e.path])
	if c := e.change; c == nil {
		r.Kuke.Action = actionNone
		r.Change = b.values.change([]string{actionNone}, e.unchanged, e.unchanged)
	} else {
		r.ActionReason = reasonOf(c)
		r.Kuke.Action, r.Kuke.Reasons, r.Kuke.Changed = string(c.Action), filled(c.Reasons), changedNames(c)
		before, after := c.Before, c.After
		switch c.Action {
		case plan.Create:
			before = nil
		case plan.Adopt:
			before = after
		case plan.Record:
			if after != nil {
				before = after
			}
		}
		r.Change = b.values.change(actionsOf(c), before, after)
		if c.Check != "" {
			r.Change.AfterUnknown = map[string]any{attributeHealth: true}
		}
		if c.Action == plan.Replace {
			r.Change.ReplacePaths = b.replacePaths(c)
		}
	}
	if id := b.imports[e.path]; id != "" {
		r.Change.Importing = &Importing{id}
	}
	return r
}

// changedNames returns the names of the values that a change changes: those that configurations set as HCL spells them, with
// the key of a member.
func changedNames(c *plan.Change) []string {
	names := make([]string, 0, len(c.Diffs))
	for _, d := range c.Diffs {
		name := d.Name
		if _, spelled := c.Path.Kind().LeafAttribute(name); spelled != "" && !d.Computed {
			name = spelled
		}
		names = append(names, name)
	}
	return names
}

// drift returns the differences of resources from their records.
func (b *builder) drift() []ResourceChange {
	drifted := []ResourceChange{}
	records := map[resource.Path]*state.Record{}
	for i := range b.entries {
		records[b.entries[i].path] = b.entries[i].prior()
	}
	for _, d := range b.plan.Drifted() {
		drifted = append(drifted, b.drifted(&d, records[d.Path]))
	}
	return drifted
}

func (b *builder) drifted(d *plan.Drift, before *state.Record) ResourceChange {
	r := b.described(d.Path)
	r.Kuke.Action, r.Kuke.Reasons = "drift", filled(d.Reasons)
	switch {
	case d.Gone:
		r.Change = b.values.change([]string{actionDelete}, before, nil)
	case d.After == nil:
		r.Change = b.values.change([]string{actionUpdate}, before, before)
	default:
		r.Kuke.Changed = changedNames(&plan.Change{Path: d.Path, Diffs: plan.Compare(before.Spec, d.After.Spec)})
		r.Change = b.values.change([]string{actionUpdate}, before, d.After)
	}
	return r
}

// relevant returns the resources from which values of the changed ones come.
func (b *builder) relevant() []RelevantAttribute {
	used := map[resource.Path]bool{}
	for _, c := range b.plan.Changes {
		if i := b.instances[c.Path]; i != nil && c.After != nil {
			for _, p := range i.References {
				used[p] = true
			}
		}
	}
	all := make([]RelevantAttribute, 0, len(used))
	for p := range used {
		all = append(all, RelevantAttribute{Resource: string(p), Attribute: []string{}})
	}
	slices.SortFunc(all, func(x, y RelevantAttribute) int {
		return resource.ComparePaths(resource.Path(x.Resource), resource.Path(y.Resource))
	})
	return all
}

// replacePaths returns the paths within the values of a resource to those that force its replacement.
func (b *builder) replacePaths(c *plan.Change) [][]any {
	var paths [][]any
	seen := map[string]bool{}
	for _, d := range c.Diffs {
		if !d.ForcesReplacement || c.Before == nil {
			continue
		}
		record := c.After
		if d.After == nil {
			record = c.Before
		}
		path := leafPath(c.Path.Kind(), d.Name, b.values.attributes(record).values)
		if key, err := json.Marshal(path); err == nil && !seen[string(key)] {
			seen[string(key)] = true
			paths = append(paths, path)
		}
	}
	return paths
}
