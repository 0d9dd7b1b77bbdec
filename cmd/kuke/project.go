package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// project is the one that a command works for.
type project struct {
	name string
	// unnamed says that no flag, variable or kuke block gives the name: it follows from that of the directory.
	unnamed bool
	// directory is that of the configuration, an absolute path.
	directory string
}

// checkProjectFlag makes sure that --project and KUKE_PROJECT can name a project. An empty variable is none; an empty flag is
// more likely a script whose own variable is empty.
func (a *app) checkProjectFlag(given bool) error {
	if a.projectName == "" {
		if given {
			return errors.New("--project: the name is empty: leave out the flag for the project of the configuration")
		}
		return nil
	}
	if err := resource.CheckName(a.projectName); err != nil {
		return fmt.Errorf("--project: %w", err)
	}
	return nil
}

// useProject makes the project of a configuration that of the command. --project and KUKE_PROJECT win over its kuke block,
// which is warned about.
func (a *app) useProject(p config.Project) error {
	a.project = project{name: p.Name, unnamed: !p.Named, directory: p.Dir}
	if a.projectName == "" {
		return nil
	}
	a.project.name, a.project.unnamed = a.projectName, false
	var warnings resource.Diagnostics
	if p.Named && p.Name != a.projectName {
		warnings.Warnf(p.Declared, "", "Another project", "The configuration names project %s, but --project or KUKE_PROJECT says %s: this is for project %s.", p.Name, a.projectName, a.projectName)
	}
	return a.report(warnings)
}

// findProject finds the project of a command that works out no configuration: that of --project or KUKE_PROJECT, else that of
// the configuration at the paths, or in the current directory where there are none.
func (a *app) findProject(in config.Input) error {
	p, sources, diags := config.ProjectOf(in)
	a.sources = sources
	if a.projectName == "" && diags.HasErrors() {
		a.errs.Note("The configuration does not tell which project it belongs to. Name it with --project or KUKE_PROJECT.")
		return diags
	}
	return a.useProject(p)
}

// projectHere is findProject for a command without files.
func (a *app) projectHere() error { return a.findProject(config.Input{}) }

// directoryIn returns the directory of the project as the state spells it: links may lead there in several ways.
func (p project) directoryIn(prior *state.State) string {
	here, err := os.Stat(p.directory)
	if err != nil {
		return p.directory
	}
	for _, from := range prior.Projects[p.name] {
		if there, err := os.Stat(from.Directory); err == nil && os.SameFile(here, there) {
			return from.Directory
		}
	}
	return p.directory
}

// remember records from where a project is applied, before anything of it changes. An apply without changes says only
// something where it names the project.
func remember(store *state.Store, plan *planner.Plan) error {
	if plan.Directory == "" || plan.Empty() && plan.Unnamed {
		return nil
	}
	return store.Applied(plan.Project, state.NewApplication(plan.Directory), plan.Unnamed)
}

// noteOthers says, where a command finds nothing of a project that nobody has named, which projects there are.
func (a *app) noteOthers(prior *state.State) {
	if !a.project.unnamed {
		return
	}
	others := map[string]bool{}
	for _, r := range prior.Records {
		if owner := r.Status.Project; owner == a.project.name {
			return
		} else if owner != "" {
			others[owner] = true
		}
	}
	if len(others) > 0 {
		a.errs.Note(fmt.Sprintf("Project %s has its name from this directory, and owns nothing. With resources there are: %s. Name one with --project.",
			a.project.name, strings.Join(slices.Sorted(maps.Keys(others)), ", ")))
	}
}
