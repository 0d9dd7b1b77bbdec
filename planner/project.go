package planner

import (
	"fmt"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// elsewhere returns the last apply of the project from another directory than that of the configuration, or nil. Nothing
// but the name of the directory tells then that the configuration is the project's.
func (in *input) elsewhere() *state.Application {
	if !in.opts.Unnamed || in.opts.ByHand {
		return nil
	}
	applied := in.prior.Projects[in.opts.Project]
	if len(applied) == 0 {
		return &state.Application{}
	}
	for i := len(applied) - 1; i >= 0; i-- {
		if applied[i].Directory != in.opts.Directory {
			return &applied[i]
		}
	}
	return nil
}

// checkElsewhere refuses to delete or replace what was applied from another directory, unless the name of the project is
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
		"This would %s of project %q: %s %s is the first. But the project %s, this directory is %s, and only their names make them one project. "+
			"If they are, give the name once, with --project %s or as kuke { project = %q } in the configuration. If they are not, give this one another name in the same way.",
		toll(deleted, replaced), d.in.opts.Project, first.Path.Kind().Lower(), first.Path, appliedFrom(from), d.in.opts.Directory, d.in.opts.Project, d.in.opts.Project)
}

// keptImages reports whether p is nothing but the images of a realm that was destroyed.
func (in *input) keptImages(p resource.Path) bool { return in.orphans[p] != nil && in.orphans[p].kept }

// toll counts what a plan would take.
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

// orNamed continues a sentence on what belongs to another project: where this one has no name but that of its directory,
// it may be the same, applied from elsewhere or before the directory was renamed.
func (in *input) orNamed(owner string) string {
	if !in.opts.Unnamed {
		return ""
	}
	return fmt.Sprintf(". This project has the name of its directory; if it is project %s, name it: kuke { project = %q }, or --project %s", owner, owner, owner)
}
