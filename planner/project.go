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
func (d *decider) elsewhere() *state.Application {
	if !d.opts.Unnamed || d.opts.ByHand {
		return nil
	}
	applied := d.prior.Projects[d.opts.Project]
	if len(applied) == 0 {
		return &state.Application{}
	}
	for i := len(applied) - 1; i >= 0; i-- {
		if applied[i].Directory != d.opts.Directory {
			return &applied[i]
		}
	}
	return nil
}

// checkElsewhere refuses to delete or replace what was applied from another directory, unless the name of the project is
// given: two directories may bear the same name.
func (d *decider) checkElsewhere() {
	from := d.elsewhere()
	if from == nil {
		return
	}
	var first *plan.Change
	deleted, replaced := 0, 0
	for _, p := range d.order {
		c := d.changes[p]
		switch {
		case c == nil || c.Action != plan.Delete && c.Action != plan.Replace || d.keptImages(p):
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
		toll(deleted, replaced), d.opts.Project, first.Path.Kind().Lower(), first.Path, appliedFrom(from), d.opts.Directory, d.opts.Project, d.opts.Project)
}

// keptImages reports whether p is nothing but the images of a realm that was destroyed.
func (d *decider) keptImages(p resource.Path) bool { return d.orphans[p] != nil && d.orphans[p].kept }

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
func (d *decider) orNamed(owner string) string {
	if !d.opts.Unnamed {
		return ""
	}
	return fmt.Sprintf(". This project has the name of its directory; if it is project %s, name it: kuke { project = %q }, or --project %s", owner, owner, owner)
}
