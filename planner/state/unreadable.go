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

// Unreadable is a file of the state that can't be read or has invalid content. It counts as missing, and affects only the
// resource, project or key in it.
type Unreadable struct {
	// Path is the resource that the file records; empty for the index and the key.
	Path resource.Path
	File string
	Err  error
	// Aside is the name that [Store.Repair] has given the file, now or earlier without a new record since; empty while the
	// file is in its place.
	Aside string
	// listing says that the file is a directory whose entries can't be read: it stays in its place.
	listing bool
	// project is the project whose applications the file records.
	project string
	// replaced says that the index was written again.
	replaced bool
}

// asideFormat is the time in the name of a file that was set aside, in UTC.
const asideFormat = "20060102T150405Z"

var asideEnd = regexp.MustCompile(`\.unreadable-[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$`)

// warn adds a warning with the error, the handling of the file and the fix.
func (u *Unreadable) warn(ds *resource.Diagnostics) {
	at := resource.Range{File: u.File}
	about := "state file"
	if u.Path != "" {
		about = fmt.Sprintf("record of %s %s", u.Path.Kind().Lower(), u.Path)
	}
	switch {
	case u.replaced:
		ds.Warnf(at, u.Path, "Unreadable state index", "%v. The index was rebuilt from the manifests beside it%s.", u.Err, asIs(u.Aside))
	case filepath.Base(u.File) == indexName:
		ds.Warnf(at, u.Path, "Unreadable state index", "%v. The state was read from the manifests beside it. The next command that changes resources rebuilds the index.", u.Err)
	case filepath.Base(u.File) == keyName:
		handling := "The next command that changes the host sets the file aside, and seals"
		if u.Aside != "" {
			handling = "The file was set aside as " + u.Aside + ". Commands that change the host seal"
		}
		ds.Warnf(at, u.Path, "Unreadable key", "%v. %s the sensitive values of containers again, with a new key.", u.Err, handling)
	case u.project != "":
		ds.Warnf(at, u.Path, "Unreadable record of a project", "%v%s. The directory from which project %s was applied is no longer known; its next apply writes the file again.", u.Err, asIs(u.Aside), u.project)
	case u.Err == nil:
		ds.Warnf(resource.Range{File: u.Aside}, u.Path, "Lost "+about, "An earlier command set it aside, and the resource was not recorded again. Remove the file if the resource no longer exists.")
	case u.Aside == "":
		ds.Warnf(at, u.Path, "Unreadable "+about, "%v. It counts as missing. The next command that changes resources sets the file aside, and records the resource again from the host.", u.Err)
	default:
		ds.Warnf(at, u.Path, "Unreadable "+about, "%v. It counts as missing, and was set aside as %s. That file is removed when the resource is destroyed.", u.Err, u.Aside)
	}
}

func asIs(aside string) string {
	if aside == "" {
		return ""
	}
	return ", and the entry in its place was renamed to " + aside
}

// Warnings returns a warning for each file of the state that can't be read.
func (s *State) Warnings() resource.Diagnostics {
	var ds resource.Diagnostics
	for i := range s.Unreadable {
		s.Unreadable[i].warn(&ds)
	}
	return ds
}

// Repair sets aside the unreadable files of st, which was just read, and writes a missing or unreadable index. Only the
// holder of the [Lock] may call it. Files that it can't rename stay, and [State.Warnings] reports them.
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
		u.replaced = u.File == s.IndexFile()
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
	return s.writeIndex() // which keeps projects that own only unreadable records
}

// setAside renames the file to a name that no other file has.
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

// removeAside removes the files of dir that were set aside and begin with name. Directories that are not empty stay.
func removeAside(dir, name string) {
	files, _ := filepath.Glob(filepath.Join(dir, name+".unreadable-*"))
	for _, f := range files {
		if asideEnd.MatchString(f) {
			_ = os.Remove(f)
		}
	}
}

// asideOf returns the last file that was set aside from the place of the manifest, or "".
func asideOf(manifest string) string {
	files, _ := filepath.Glob(manifest + ".unreadable-*")
	files = slices.DeleteFunc(files, func(f string) bool { return !asideEnd.MatchString(f) })
	if len(files) == 0 {
		return ""
	}
	return files[len(files)-1]
}

// readPlain reads a regular file and refuses others: opening them could block, or lead elsewhere.
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
		return nil, errors.New("it holds only zero bytes")
	}
	return data, nil
}
