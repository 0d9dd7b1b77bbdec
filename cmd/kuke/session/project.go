package session

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// project is the one that a command works for.
type project struct {
	name string
	// unnamed says that neither the user nor a kuke block gives the name: it follows from that of the directory.
	unnamed bool
	// directory is that of the configuration, an absolute path. elsewhere says that it is one of the caller.
	directory string
	elsewhere bool
}

// useProject makes the project of a configuration that of the session. [Options.Project] wins over its kuke block, and a
// warning says so.
func (s *Session) useProject(p config.Project) error {
	s.project = project{name: p.Name, unnamed: !p.Named, directory: p.Dir, elsewhere: s.Caller != nil}
	if s.Project == "" {
		return nil
	}
	s.project.name, s.project.unnamed = s.Project, false
	var warnings resource.Diagnostics
	if p.Named && p.Name != s.Project {
		warnings.Warnf(p.Declared, "", "Another project", "The configuration names project %s, but --project or KUKE_PROJECT says %s: this is for project %s.", p.Name, s.Project, s.Project)
	}
	return s.Report(warnings)
}

// FindProject returns the name of the project for a use case that evaluates no configuration: [Options.Project], else that of
// the configuration at the paths, or in the current directory if there are none.
func (s *Session) FindProject(in config.Input) (string, error) {
	p, diags, err := s.ProjectOf(in)
	if err != nil {
		return "", err
	}
	if s.Project == "" && diags.HasErrors() {
		s.Reporter.Note("The configuration does not tell which project it belongs to. Name it with --project or KUKE_PROJECT.")
		return "", diags
	}
	err = s.useProject(p)
	return s.project.name, err
}

// ProjectOf returns the project of the configuration at the paths, or in the current directory if there are none, without
// evaluating it.
func (s *Session) ProjectOf(in config.Input) (p config.Project, diags resource.Diagnostics, err error) {
	err = s.within(&in, func() { p, s.Sources, diags = config.ProjectOf(in) })
	return p, diags, err
}

// directoryIn returns the directory of the project as the state spells it: links may lead there in several ways.
func (p project) directoryIn(prior *state.State) string {
	if p.elsewhere {
		return p.directory
	}
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

// remember records the directory from which a project is applied, before anything of it changes. An apply without changes
// says something only if it names the project.
func (s *Session) remember(store *state.Store, p *plan.Plan) error {
	if p.Directory == "" || p.Empty() && p.Unnamed {
		return nil
	}
	from := state.NewApplication(p.Directory)
	if s.Caller != nil {
		from.Host, from.User = s.Caller.Host, s.Caller.User
	}
	return store.Applied(p.Project, from, p.Unnamed)
}

// noteOthers lists the projects that own resources, if the project of the session owns none and nobody has named it.
func (s *Session) noteOthers(prior *state.State) {
	if !s.project.unnamed {
		return
	}
	others := map[string]bool{}
	for _, r := range prior.Records {
		if owner := r.Status.Project; owner == s.project.name {
			return
		} else if owner != "" {
			others[owner] = true
		}
	}
	if len(others) > 0 {
		s.Reporter.Note(fmt.Sprintf("Project %s has its name from this directory, and owns nothing. With resources there are: %s. Name one with --project.",
			s.project.name, strings.Join(slices.Sorted(maps.Keys(others)), ", ")))
	}
}
