package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// The names of the files of [Store.NetworkFile].
const (
	HostsFile    = "hosts"
	HostnameFile = "hostname"
	ResolvFile   = "resolv.conf"
)

var (
	logEnd        = regexp.MustCompile(`^\.log(\.[0-9]+|\.exit|\.settings)?$`)
	networkEnding = regexp.MustCompile(`^[0-9]*$`)
)

// LogFiles returns the existing files of the log of the container at p: [Store.LogFile], the full ones, and the one that
// records the container's exit.
// Others beside them are not kuke's.
func (s *Store) LogFiles(p resource.Path) []string {
	dir := s.containersDir(p)
	entries, _ := os.ReadDir(dir)
	var files []string
	for _, e := range entries {
		if end, ok := strings.CutPrefix(e.Name(), p.Name()); ok && logEnd.MatchString(end) {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files
}

// isNetworkFile reports whether name belongs to a network file, to its second name, which begins with a ".", or to a
// temporary file of it.
func isNetworkFile(name string) bool {
	return slices.ContainsFunc([]string{HostsFile, HostnameFile, ResolvFile}, func(own string) bool {
		end, ok := strings.CutPrefix(name, "."+own)
		return name == own || ok && networkEnding.MatchString(end)
	})
}

// isLogFile reports whether name belongs to the log of a container.
func isLogFile(name string) bool {
	container, _, _ := strings.Cut(name, ".")
	return resource.CheckName(container) == nil && logEnd.MatchString(strings.TrimPrefix(name, container))
}

// Vacate forgets the resource at p after a move to another path, and removes directories that are empty then. The files of
// a cell already exist below the new path too.
func (s *Store) Vacate(p resource.Path) error {
	dir := filepath.Dir(s.ManifestFile(p))
	if p.Kind() == resource.KindCell {
		if err := removeNetworkFiles(filepath.Join(dir, networkDir)); err != nil {
			return fmt.Errorf("remove the network files of %s: %w", p, err)
		}
	}
	if err := s.Forget(p); err != nil {
		return err
	}
	s.removeEmptyDirs(p, dir)
	return nil
}

// removeNetworkFiles removes the network files of a cell from dir, and dir if nothing else is in it.
func removeNetworkFiles(dir string) error {
	entries, err := readDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !isNetworkFile(e.Name()) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	_ = os.Remove(dir) // unless it holds other files
	return nil
}
