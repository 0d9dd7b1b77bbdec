package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/durable"
)

const (
	volumesDir = "volumes"
	dataDir    = "_data"
	// privatePrefix begins the names of directories that hold data. No resource can have one of these names.
	privatePrefix = "_"
)

// Volume is the part of the status that only volumes have.
type Volume struct {
	// Place identifies the volume whatever its path is, and is the directory of its data, relative to that of the state. A volume with
	// a path or driver options of its own has no data there.
	Place string `json:"place"`
	// Filled says that a container was created with the volume: it takes content of no image any more.
	Filled bool `json:"filled,omitempty"`
	// Carried is the time of the creation of the container whose files were copied into the volume, until a container is created with
	// the volume: the replaced container may run again before. It is nil for a volume with other content.
	Carried *time.Time `json:"carried,omitempty"`
	// RemadeAt is the time at which the directory of the data was made again, empty: containers that were created before have another
	// one. It is nil where that never happened.
	RemadeAt *time.Time `json:"remadeAt,omitempty"`
	// Image says that the volume is there because an image declares one; nil for a volume of the configuration.
	Image *ImageMount `json:"image,omitempty"`
	// KeptSince is the time since which no configuration declares the volume; nil where one does.
	KeptSince *time.Time `json:"keptSince,omitempty"`
}

// WithVolume returns a copy of the record of a volume, with the changed status of it.
func (r *Record) WithVolume(change func(*Volume)) *Record {
	changed, status := *r, *r.Status.Volume
	change(&status)
	changed.Status.Volume = &status
	return &changed
}

// ImageMount is a path in a container at which its image declares a volume.
type ImageMount struct {
	Container resource.Path `json:"container"`
	Target    string        `json:"target"`
}

// VolumePlace returns the n-th form of the place of the volume at p, see [resource.Variant]: a volume that was moved keeps its own.
func VolumePlace(p resource.Path, n int) string {
	return path.Join(string(p.Parent()), volumesDir, p.Name(), resource.Variant(dataDir, n))
}

var placeEnd = regexp.MustCompile(`^` + dataDir + `(\.[0-9]+)?$`)

// CopiedFrom reports whether the content of the volume is a copy of files of the recorded container, which no container has mounted yet.
func (v *Volume) CopiedFrom(container *Record) bool {
	created := container.Status.CreatedAt
	return v.Carried != nil && created != nil && v.Carried.Equal(*created)
}

// Validate makes sure that the place is one that [VolumePlace] returns: data is deleted there.
func (v *Volume) Validate() error {
	if v.Image != nil {
		if _, err := resource.ParsePath(string(v.Image.Container)); err != nil || v.Image.Container.Kind() != resource.KindContainer || !path.IsAbs(v.Image.Target) {
			return fmt.Errorf("its status names %q at %q, which is no path in a container", v.Image.Target, v.Image.Container)
		}
	}
	names := strings.Split(v.Place, "/")
	end := len(names) - 3 // of volumes/NAME/_data
	if end < 1 || names[end] != volumesDir || !placeEnd.MatchString(names[end+2]) {
		return fmt.Errorf("its status names the place %q, which is not that of a volume", v.Place)
	}
	if p, err := resource.ParsePath(strings.Join(names[:end], "/")); err != nil || !resource.KindVolume.BelongsIn(p) || resource.CheckVolumeName(names[end+1]) != nil {
		return fmt.Errorf("its status names the place %q, which is not that of a volume", v.Place)
	}
	return nil
}

// validateVolume is validate for the record of a volume.
func (r *Record) validateVolume() error {
	if r.Status.Volume == nil {
		return errors.New("its status names no place")
	}
	return r.Status.Volume.Validate()
}

// IsKept reports whether r is the record of a volume that no configuration declares any more.
func (r *Record) IsKept() bool {
	return r != nil && r.Status.Volume != nil && r.Status.Volume.KeptSince != nil
}

// VolumeData returns the directory that holds the data of the recorded volume, which need not exist, or "" where the data is in a
// file system that containers mount.
func (s *Store) VolumeData(r *Record) string {
	switch v := r.Spec.(*resource.Volume); {
	case v.DriverOpts != nil:
		return ""
	case v.Path != "":
		return v.Path
	}
	return filepath.Join(s.dir, filepath.FromSlash(r.Status.Volume.Place))
}

// LacksVolumeData reports whether the directory for the data of a volume, which is below the state, is missing.
func (s *Store) LacksVolumeData(r *Record) bool {
	dir := s.VolumeData(r)
	if dir == "" || r.Spec.(*resource.Volume).Path != "" {
		return false
	}
	_, err := os.Lstat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

// MakeVolumeData creates the directory for the data of a volume, if it is missing, and reports whether it was.
func (s *Store) MakeVolumeData(r *Record) (made bool, err error) {
	dir := s.VolumeData(r)
	info, err := os.Lstat(dir)
	switch {
	case err == nil && info.IsDir():
		return false, nil
	case err == nil:
		return false, fmt.Errorf("create volume %s: %s is not a directory", r.Path, dir)
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("create volume %s: %w", r.Path, err)
	}
	s.dirs.Lock()
	defer s.dirs.Unlock()
	if err := makeDirs(filepath.Dir(dir)); err != nil {
		return false, fmt.Errorf("create volume %s: %w", r.Path, err)
	}
	if err := os.Mkdir(dir, volumeMode); err != nil {
		return false, fmt.Errorf("create volume %s: %w", r.Path, err)
	}
	if err := os.Chmod(dir, volumeMode); err != nil { // whatever the umask is
		return false, fmt.Errorf("create volume %s: %w", r.Path, err)
	}
	return true, durable.SyncDir(filepath.Dir(dir))
}

// volumeMode is the mode of the directory of data for which nobody chooses one. The directories above it let only root in.
const volumeMode fs.FileMode = 0o755

// RemoveVolumeData deletes the data below the place of a volume, and the directories that are empty then. The directory of a
// volume with a path of its own stays.
func (s *Store) RemoveVolumeData(r *Record) error {
	if r.Spec.(*resource.Volume).Path != "" {
		return nil
	}
	dir := filepath.Join(s.dir, filepath.FromSlash(r.Status.Volume.Place))
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("delete the data of volume %s: %w", r.Path, err)
	}
	s.removeEmptyDirs(r.Path, filepath.Dir(dir))
	return nil
}

// volumes reads the records of the volumes in the resource at p, in whose directory dir is.
func (w *treeWalk) volumes(p resource.Path, dir string) error {
	entries, err := w.list(p, dir)
	for _, e := range entries {
		if e.IsDir() && resource.CheckVolumeName(e.Name()) == nil {
			w.manifest(p.Volume(e.Name()))
		}
	}
	return err
}
