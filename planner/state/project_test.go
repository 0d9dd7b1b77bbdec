package state

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

// applied returns the directories that the project was applied from, as the state on disk tells.
func applied(t *testing.T, dir, project string) []string {
	t.Helper()
	_, st, warnings := open(t, dir)
	if len(warnings) > 0 {
		t.Errorf("warnings: %v", warnings)
	}
	var all []string
	for _, a := range st.Projects[project] {
		all = append(all, a.Directory)
	}
	return all
}

func putOwned(t *testing.T, s *Store, p resource.Path, project string) {
	t.Helper()
	r := record(p, 0)
	r.Status.Project = project
	must(t, s.Put(r))
}

func TestAppliedFrom(t *testing.T) {
	dir := t.TempDir()
	s, _, _ := open(t, dir)
	check := func(project string, want ...string) {
		t.Helper()
		if got := applied(t, dir, project); !reflect.DeepEqual(got, want) {
			t.Errorf("%s was applied from %q, want %q", project, got, want)
		}
	}
	apply := func(project, from string, unnamed bool) {
		t.Helper()
		must(t, s.Applied(project, NewApplication(from), unnamed))
	}
	apply("shop", "/a/shop", true)
	check("shop", "/a/shop")
	putOwned(t, s, "main", "shop")
	must(t, s.Commit())
	apply("shop", "/b/shop", true)
	check("shop", "/a/shop", "/b/shop")
	apply("shop", "/a/shop", true)
	check("shop", "/b/shop", "/a/shop")
	// Whoever gives the name knows which project it is.
	apply("shop", "/c", false)
	check("shop", "/c")
	if a := mustRead(t, dir).Projects["shop"][0]; a.Host == "" || a.User == "" || a.At.IsZero() {
		t.Errorf("recorded %+v", a)
	}
	// A project that owned something before anything was remembered.
	putOwned(t, s, "other", "old")
	apply("old", "/a/old", true)
	check("old", "", "/a/old")
	// A lost index costs nothing of it.
	must(t, os.Remove(filepath.Join(dir, indexName)))
	check("shop", "/c")
	// A project that owns no resource is forgotten, and leaves no file behind.
	s, _, _ = open(t, dir)
	must(t, s.Delete("other"))
	must(t, s.Commit())
	check("old")
	check("shop", "/c")
	must(t, s.Delete("main"))
	must(t, s.Commit())
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	// An apply that made nothing.
	apply("shop", "/a/shop", true)
	must(t, s.Commit())
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func mustRead(t *testing.T, dir string) *State {
	t.Helper()
	_, st, _ := open(t, dir)
	return st
}

// A record that can't be read means that nothing is known, not that all is well.
func TestBrokenProject(t *testing.T) {
	for name, damage := range map[string]func(file string) error{
		"empty":     func(file string) error { return os.WriteFile(file, nil, 0o600) },
		"no entry":  func(file string) error { return os.WriteFile(file, []byte(`{"applied":[]}`), 0o600) },
		"a link":    func(file string) error { return os.Symlink(file+".real", file) },
		"truncated": func(file string) error { return os.WriteFile(file, []byte(`{"applied":[{"dir`), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, _, _ := open(t, dir)
			putOwned(t, s, "main", "shop")
			must(t, s.Applied("shop", NewApplication("/a"), true))
			must(t, s.Commit())
			file := s.projectFile("shop")
			must(t, os.Rename(file, file+".real"))
			must(t, damage(file))
			s, st, warnings := open(t, dir)
			if got := st.Projects["shop"]; len(got) != 1 || got[0] != (Application{}) {
				t.Errorf("read as %+v", got)
			}
			if len(warnings) != 1 || warnings[0].Subject.File != file {
				t.Errorf("warnings: %v", warnings)
			}
			must(t, s.Applied("shop", NewApplication("/a"), false))
			if got := applied(t, dir, "shop"); !reflect.DeepEqual(got, []string{"/a"}) {
				t.Errorf("after an apply: %q", got)
			}
			data, err := os.ReadFile(file + ".real")
			must(t, err)
			if !strings.Contains(string(data), `"/a"`) {
				t.Errorf("the target of the link holds %s", data)
			}
		})
	}
}

func TestExportOfProjects(t *testing.T) {
	st := example()
	st.Projects = Projects{"p": {NewApplication("/a")}}
	data, err := json.Marshal(st)
	must(t, err)
	got, err := Parse(data)
	must(t, err)
	if !reflect.DeepEqual(got.Projects, st.Projects) {
		t.Errorf("got %s", data)
	}
	dir := t.TempDir()
	s, _, _ := open(t, dir)
	must(t, s.Replace(got))
	must(t, s.Commit())
	if got := applied(t, dir, "p"); !reflect.DeepEqual(got, []string{"/a"}) {
		t.Errorf("pushed: %q", got)
	}
	if _, err := Parse([]byte(strings.Replace(string(data), `"p":[`, `"../p":[`, 1))); err == nil {
		t.Error("a project with a path for a name is taken")
	}
}
