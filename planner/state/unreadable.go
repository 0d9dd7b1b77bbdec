package state

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

// Unreadable is a file of the state that can't be read, or doesn't say what it must. It counts as missing, and nothing but
// what it is about is affected.
type Unreadable struct {
	// Path is the resource that the file records; empty for the index and the key.
	Path resource.Path
	File string
	Err  error
	// Aside is the name that [Store.Repair] has given the file, or an earlier one did and nothing was recorded again since;
	// empty while it is in its place.
	Aside string
	// listing says that the file is a directory whose entries can't be read: it stays in its place.
	listing bool
	// project is the one that the file tells from where it was applied.
	project string
	// replaced says that the index was written again.
	replaced bool
}

// asideFormat is the time in the name of a file that was set aside, in UTC.
const asideFormat = "20060102T150405Z"

var asideEnd = regexp.MustCompile(`\.unreadable-[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$`)

// warn adds what is wrong, and what becomes of the file.
func (u *Unreadable) warn(ds *resource.Diagnostics) {
	at := resource.Range{File: u.File}
	about := "state file"
	if u.Path != "" {
		about = fmt.Sprintf("record of %s %s", u.Path.Kind().Lower(), u.Path)
	}
	switch {
	case u.replaced:
		ds.Warnf(at, u.Path, "Unreadable state index", "%v. The index was written again from the manifests beside it%s.", u.Err, asIs(u.Aside))
	case filepath.Base(u.File) == indexName:
		ds.Warnf(at, u.Path, "Unreadable state index", "%v. The state was read from the manifests beside it. The next command that changes anything writes the index again.", u.Err)
	case filepath.Base(u.File) == keyName:
		become := "The next command that changes the host sets the file aside, and seals"
		if u.Aside != "" {
			become = "The file was set aside as " + u.Aside + ". Commands that change the host seal"
		}
		ds.Warnf(at, u.Path, "Unreadable key", "%v. %s again, with a new key, the sensitive values that containers have.", u.Err, become)
	case u.project != "":
		ds.Warnf(at, u.Path, "Unreadable record of a project", "%v%s. From where project %s was applied is no longer known; its next apply writes the file again.", u.Err, asIs(u.Aside), u.project)
	case u.Err == nil:
		ds.Warnf(resource.Range{File: u.Aside}, u.Path, "Lost "+about, "An earlier command set it aside, and nothing was recorded again since. Remove the file if the resource is gone for good.")
	case u.Aside == "":
		ds.Warnf(at, u.Path, "Unreadable "+about, "%v. It counts as missing. The next command that changes anything sets the file aside, and records again what the host tells.", u.Err)
	default:
		ds.Warnf(at, u.Path, "Unreadable "+about, "%v. It counts as missing, and was set aside as %s, which goes when the resource is destroyed.", u.Err, u.Aside)
	}
}

func asIs(aside string) string {
	if aside == "" {
		return ""
	}
	return ", and what was in its place is now " + aside
}

// Warnings says which files of the state can't be read.
func (s *State) Warnings() resource.Diagnostics {
	var ds resource.Diagnostics
	for i := range s.Unreadable {
		s.Unreadable[i].warn(&ds)
	}
	return ds
}

// Repair gives the unreadable files of st, which was just read, names that say so, and writes an index that is missing or
// unreadable. Only the holder of the [Lock] may call it. What it can't rename stays, and [State.Warnings] tells of it.
func (s *Store) Repair(st *State, now time.Time) error {
	for i := range st.Unreadable {
		u := &st.Unreadable[i]
		if u.Aside != "" {
			continue
		}
		info, err := os.Lstat(u.File)
		if err != nil || info.IsDir() && u.listing {
			continue
		}
		u.replaced = u.File == s.indexFile()
		if u.replaced && info.Mode().IsRegular() {
			continue // the new one replaces it
		}
		aside, err := setAside(u.File, now)
		if err != nil {
			u.Err = errors.Join(u.Err, err)
			continue
		}
		u.Aside = aside
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writeIndex() // and no project is forgotten that only unreadable records belong to
}

// setAside renames the file, without taking the name of another.
func setAside(file string, now time.Time) (string, error) {
	base := file + ".unreadable-" + now.UTC().Format(asideFormat)
	name := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", err
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
	if err := os.Rename(file, name); err != nil {
		return "", err
	}
	return name, durable.SyncDir(filepath.Dir(file))
}

// removeAside removes the files of dir that were set aside and that begin as name does. A directory that holds anything
// stays.
func removeAside(dir, name string) {
	files, _ := filepath.Glob(filepath.Join(dir, name+".unreadable-*"))
	for _, f := range files {
		if asideEnd.MatchString(f) {
			_ = os.Remove(f)
		}
	}
}

// asideOf returns the last file that was set aside of those that were in the place of the manifest, or "".
func asideOf(manifest string) string {
	files, _ := filepath.Glob(manifest + ".unreadable-*")
	files = slices.DeleteFunc(files, func(f string) bool { return !asideEnd.MatchString(f) })
	if len(files) == 0 {
		return ""
	}
	return files[len(files)-1]
}

// readPlain reads a file that must be a regular one: opening another could block, or lead elsewhere.
func readPlain(file string, info fs.FileInfo) ([]byte, error) {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return nil, durable.ErrSymlink
	case info.IsDir():
		return nil, errors.New("it is a directory")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	}
	data, err := durable.ReadFile(file)
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, errors.New("it is empty")
	case len(bytes.Trim(data, "\x00")) == 0:
		return nil, errors.New("it holds nothing but zero bytes")
	}
	return data, nil
}
