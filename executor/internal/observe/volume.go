package observe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// volumes looks for the directories of volumes: those of recorded ones that are missing, those that desired ones would find, and
// the paths that desired ones name.
func (r *refresh) volumes(prior *state.State) error {
	for p, record := range prior.Records {
		v, ok := record.Spec.(*resource.Volume)
		if !ok || v.Path != "" || v.DriverOpts != nil {
			continue
		}
		found, err := isDir(r.host.Store.VolumeData(record))
		if err != nil {
			return fmt.Errorf("look for the data of volume %s: %w", p, err)
		}
		if !found {
			r.actual.LostPlaces[record.Status.Volume.Place] = true
		}
	}
	if r.desired == nil {
		return nil
	}
	for _, want := range r.desired.Resources() {
		v, ok := want.Spec.(*resource.Volume)
		if !ok || want.External {
			continue
		}
		dir := v.Path
		made := &state.Record{Path: want.Path, Spec: v, Status: state.Status{Volume: &state.Volume{Place: state.VolumePlace(want.Path, 1)}}}
		if dir == "" && v.DriverOpts == nil && prior.Records[want.Path] == nil {
			dir = r.host.Store.VolumeData(made)
		}
		if dir == "" {
			continue
		}
		found, err := isDir(dir)
		if err != nil {
			return fmt.Errorf("look for the data of volume %s: %w", want.Path, err)
		}
		if v.Path != "" && !found {
			r.actual.MissingPaths[dir] = true
		} else if v.Path == "" && found {
			r.actual.FoundPlaces[made.Status.Volume.Place] = true
		}
	}
	return nil
}

func isDir(dir string) (bool, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.IsDir(), err
}

// mounted returns the spec of a container with the directories of its volumes in place of their paths, to look for flaws. A volume
// whose content is not known, or that will have that of the image, is left out.
func (r *refresh) mounted(spec *resource.Container, prior *state.State) *resource.Container {
	if len(resource.VolumesOf(spec)) == 0 {
		return spec
	}
	resolved := *spec
	resolved.Volumes = nil
	for _, m := range spec.Volumes {
		record := prior.Records[resource.Path(m.Volume)]
		switch {
		case m.Volume == "":
			resolved.Volumes = append(resolved.Volumes, m)
		case record == nil || r.host.Store.VolumeData(record) == "" || !record.Status.Volume.Filled:
		default:
			m.Source = filepath.Join(r.host.Store.VolumeData(record), m.Subpath)
			if found, err := isDir(m.Source); err == nil && found {
				resolved.Volumes = append(resolved.Volumes, m)
			}
		}
	}
	return &resolved
}
