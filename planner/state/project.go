package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

// projectsDir holds a file for each project that owns resources. No realm can have this name.
const projectsDir = ".projects"

// Application records the directory from which a project was applied, and the user.
type Application struct {
	// Directory is the absolute path of the configuration's directory; empty where it isn't known.
	Directory string `json:"directory"`
	// Host and User are names; both are empty where they aren't known.
	Host string `json:"host,omitempty"`
	User string `json:"user,omitempty"`
	// At is the time of the last apply from the directory.
	At time.Time `json:"at,omitzero"`
}

// NewApplication returns the record of an apply by this command, of the configuration in the directory.
func NewApplication(directory string) Application {
	a := Application{Directory: directory, User: userName(), At: time.Now().UTC().Truncate(time.Second)}
	// Questions go to the user who became root, not to root.
	if caller := os.Getenv("SUDO_USER"); caller != "" && os.Geteuid() == 0 {
		a.User = caller
	}
	a.Host, _ = os.Hostname() // the other values help without it
	return a
}

// Projects holds the applications of each project by its name, the last one at the end: one for each directory whose name
// the project bears, since its name was last given explicitly. The directory of a project without an entry is unknown.
type Projects map[string][]Application

// projectFile is a file of [projectsDir].
type projectFile struct {
	Applied []Application `json:"applied"`
}

func (s *Store) projectFile(project string) string {
	return filepath.Join(s.dir, projectsDir, project+".json")
}

// readProjects reads the applications of projects, and returns the unreadable files: their projects get one
// application from an unknown directory.
func (s *Store) readProjects() (unreadable []Unreadable) {
	s.projects = Projects{}
	dir := filepath.Join(s.dir, projectsDir)
	entries, err := readDir(dir)
	if err != nil {
		return []Unreadable{{File: dir, Err: err, listing: isDir(dir)}}
	}
	for _, e := range entries {
		project, ok := cutSuffix(e.Name(), ".json")
		if !ok || resource.CheckName(project) != nil {
			continue
		}
		file := s.projectFile(project)
		content, err := readProject(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			unreadable = append(unreadable, Unreadable{File: file, Err: err, project: project})
			content.Applied = []Application{{}}
		}
		s.projects[project] = content.Applied
	}
	return unreadable
}

func readProject(file string) (content projectFile, err error) {
	info, err := os.Lstat(file)
	if err != nil {
		return content, err
	}
	data, err := readPlain(file, info)
	if err == nil {
		err = json.Unmarshal(data, &content)
	}
	if err == nil && len(content.Applied) == 0 {
		err = errors.New("it names no directory")
	}
	return content, err
}

// Applied records an apply of the project, before any of its resources changes. unnamed says that the project has the name
// of the directory: then its applications from other directories stay recorded.
func (s *Store) Applied(project string, from Application, unnamed bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	applied := []Application{from}
	if unnamed {
		before := s.projects[project]
		if before == nil && s.owns(project) {
			before = []Application{{}}
		}
		before = slices.DeleteFunc(slices.Clone(before), func(a Application) bool { return a.Directory == from.Directory })
		applied = append(before, from)
	}
	return s.putProject(project, applied)
}

// putProject writes the applications of a project. The caller holds s.mu.
func (s *Store) putProject(project string, applied []Application) error {
	data, err := json.Marshal(projectFile{Applied: applied})
	if err != nil {
		return fmt.Errorf("record from where project %s is applied: %w", project, err)
	}
	file := s.projectFile(project)
	if err := makeDirs(filepath.Dir(file)); err != nil {
		return fmt.Errorf("record from where project %s is applied: %w", project, err)
	}
	// A symbolic link in its place is replaced.
	if err := durable.WriteFile(file, append(data, '\n'), fileMode); err != nil {
		return fmt.Errorf("record from where project %s is applied: %w", project, err)
	}
	if s.projects == nil {
		s.projects = Projects{}
	}
	s.projects[project] = applied
	return nil
}

// owns reports whether a record belongs to the project. The caller holds s.mu.
func (s *Store) owns(project string) bool {
	if len(s.index.Outputs[project]) > 0 {
		return true
	}
	for _, entry := range s.index.Resources {
		if entry.Record.Status.Project == project {
			return true
		}
	}
	return false
}

// forgetProjects forgets the projects that own no resource any more, once that is certain. The caller holds s.mu.
func (s *Store) forgetProjects() error {
	if len(s.lost) > 0 {
		return nil // unreadable records may belong to any project
	}
	dir := filepath.Join(s.dir, projectsDir)
	for project := range s.projects {
		if s.owns(project) {
			continue
		}
		if err := durable.Remove(s.projectFile(project)); err != nil {
			return fmt.Errorf("forget project %s: %w", project, err)
		}
		removeAside(dir, project+".json")
		delete(s.projects, project)
	}
	if len(s.projects) == 0 {
		removeTemporary(dir, "*.json")
		_ = os.Remove(dir) // unless it holds other files
	}
	return nil
}

// validateProjects makes sure that each entry can be recorded.
func validateProjects(projects Projects) error {
	for project, applied := range projects {
		if err := resource.CheckName(project); err != nil {
			return fmt.Errorf("project: %w", err)
		}
		if len(applied) == 0 {
			return fmt.Errorf("project %s was applied from no directory", project)
		}
	}
	return nil
}
