package planner

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// review looks at the changes once all are decided.
type review struct {
	in    *input
	draft *draft
	diags *resource.Diagnostics
}

// checkProtected refuses to delete or replace a protected resource: by the configuration, or, where that says nothing of it, by
// the last one that was applied.
func (d *review) checkProtected() {
	for _, p := range d.draft.order {
		c := d.draft.changes[p]
		if c == nil || c.Action != plan.Delete && c.Action != plan.Replace {
			continue
		}
		want := d.in.desired.Resource(p)
		switch {
		case want != nil && protected(want):
			d.diags.Errorf(want.Declared, p, "Protected resource", "%s %s would be %s%s, but its configuration says prevent_destroy. Remove that, or revert the change that forces this.",
				p.Kind().Lower(), p, past(c.Action), why(c))
		case (want == nil || d.in.opts.ByHand) && c.Before != nil && c.Before.Status.PreventDestroy:
			d.diags.Errorf(resource.Range{}, p, "Protected resource", "%s %s would be %s%s, but it was applied with prevent_destroy. To destroy it, apply it without prevent_destroy first.",
				p.Kind().Lower(), p, past(c.Action), why(c))
		}
	}
}

// why gives the reason of a change, in parentheses.
func why(c *plan.Change) string {
	for _, reason := range c.Reasons {
		if reason != protectedFromNow {
			return " (" + reason + ")"
		}
	}
	for _, df := range c.Diffs {
		if c.Action == plan.Replace && df.ForcesReplacement {
			return fmt.Sprintf(" (%s changes)", df.Name)
		}
	}
	return ""
}

// checkElsewhere refuses to delete or replace resources that were applied from another directory, unless the name of the project is
// given: two directories may bear the same name.
func (d *review) checkElsewhere() {
	from := d.in.elsewhere()
	if from == nil {
		return
	}
	var first *plan.Change
	deleted, replaced := 0, 0
	for _, p := range d.draft.order {
		c := d.draft.changes[p]
		switch {
		case c == nil || c.Action != plan.Delete && c.Action != plan.Replace || d.in.keptImages(p):
			continue
		case c.Action == plan.Delete:
			deleted++
		default:
			replaced++
		}
		if first == nil {
			first = c
		}
	}
	if first == nil {
		return
	}
	d.diags.Errorf(resource.Range{}, first.Path, "Project of another directory",
		"This would %s of project %q: %s %s is the first. But the project %s, and this directory is %s. Both have only the name %s in common. "+
			"If they are one project, confirm it with --project %s or kuke { project = %q } in the configuration. If they are not, choose another name in the same way.",
		toll(deleted, replaced), d.in.opts.Project, first.Path.Kind().Lower(), first.Path, appliedFrom(from), d.in.opts.Directory, d.in.opts.Project, d.in.opts.Project, d.in.opts.Project)
}

// toll counts the resources that a plan would destroy and replace.
func toll(deleted, replaced int) string {
	noun := "resources"
	if deleted+replaced == 1 {
		noun = "resource"
	}
	switch {
	case replaced == 0:
		return fmt.Sprintf("destroy %d %s", deleted, noun)
	case deleted == 0:
		return fmt.Sprintf("replace %d %s", replaced, noun)
	}
	return fmt.Sprintf("destroy %d and replace %d %s", deleted, replaced, noun)
}

// appliedFrom says where, by whom and when a project was applied.
func appliedFrom(a *state.Application) string {
	if a.Directory == "" {
		return "was applied from a directory that is not recorded"
	}
	text := "was applied from " + a.Directory
	if a.Host != "" {
		text += " on host " + a.Host
	}
	if a.User != "" {
		text += " by " + a.User
	}
	if !a.At.IsZero() {
		text += " at " + a.At.UTC().Format(time.RFC3339)
	}
	return text
}

// warnForeign tells of containers that nobody of ours manages in the namespaces of desired realms.
func (d *review) warnForeign() {
	known := state.RecordedIDs(d.in.prior)
	for _, r := range d.in.desired.Resources() {
		if r.Path.Kind() != resource.KindRealm || d.in.opts.ByHand {
			continue
		}
		name := d.in.prior.Namespace(r.Path, d.in.desired)
		ns := d.in.actual.Namespaces[name]
		if ns == nil {
			continue
		}
		var foreign []string
		for id, c := range ns.Containers {
			if _, o := d.in.orphanOf(c); o == nil && !known[[2]string{name, id}] {
				foreign = append(foreign, id)
			}
		}
		if len(foreign) == 0 {
			continue
		}
		sort.Strings(foreign)
		d.diags.Warnf(r.Declared, r.Path, "Foreign containers", "The containerd namespace %s of realm %s holds containers that kuke does not manage, and leaves alone: %s.",
			name, r.Path, strings.Join(foreign, ", "))
	}
}

// warnRenamed tells of a resource that is created at a path from which one was renamed that the configuration does not know by
// its new path.
func (d *review) warnRenamed() {
	now := map[resource.Path]resource.Path{} // by the former path
	for q, r := range d.in.prior.Records {
		if former := r.Status.FormerName; former != "" && d.in.desired.Resource(q) == nil {
			now[q.Kind().Below(q.Parent(), former)] = q
		}
	}
	for _, p := range d.draft.order {
		c, q := d.draft.changes[p], now[p]
		if q == "" || c == nil || c.Action != plan.Create || d.in.prior.Records[p] != nil || d.in.opts.ByHand {
			continue
		}
		fate := "stays as it is"
		if other := d.draft.changes[q]; other != nil && other.Action == plan.Delete {
			fate = "is destroyed"
		}
		d.diags.Warnf(d.in.declared(p), p, "Renamed resource", "%s %s was renamed to %s, which is not in the configuration: this plan makes a new %s, and %s %s. For nothing to change, rename it in the configuration, too. To give it its former name back, add a block moved with from = %q and to = %q.",
			p.Kind().Lower(), p, q, p, q, fate, q, p)
	}
}

// warnLeftBehind tells of containers that the plan may not touch, or doesn't look at, whose network goes with their root
// container.
func (d *review) warnLeftBehind() {
	for _, p := range d.in.prior.Paths() {
		if p.Kind() != resource.KindContainer || d.draft.changes[p] != nil || !d.draft.rootMoves(p) {
			continue
		}
		if c := d.in.live(p); c == nil || c.Status != plan.TaskRunning && c.Status != plan.TaskPaused {
			continue
		}
		whose := "is not in this configuration"
		switch project := d.in.prior.Records[p].Status.Project; project {
		case d.in.opts.Project:
		case "":
			whose = "was made by hand"
		default:
			whose = fmt.Sprintf("belongs to project %q", project)
		}
		root := d.in.rootOf(p.Parent())
		d.diags.Warnf(d.in.declared(root), root, "Container without its network", "container %s %s and stays as it is, but loses its network: root container %s is %s. Start it again afterwards: kuke restart container %s.",
			p, whose, root, past(d.draft.changes[root].Action), p)
	}
}
