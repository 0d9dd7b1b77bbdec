package state

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func volumeRecord(p resource.Path, place string) *Record {
	return &Record{Path: p, Spec: new(resource.Volume), Status: Status{Project: "p", Volume: &Volume{Place: place}}}
}

func levelRecord(p resource.Path) *Record {
	return &Record{Path: p, Spec: resource.NewSpec(p.Kind()), Status: Status{Project: "p", Namespace: "kukeon-" + string(p.Realm()), Cgroup: "/kukeon/" + string(p)}}
}

// The records and the data of volumes outlive their parents, whatever these leave behind.
func TestVolumesOutliveTheirParents(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(dir)
	if _, err := s.Read(); err != nil {
		t.Fatal(err)
	}
	levels := []resource.Path{"main", "main/s", "main/s/t"}
	for _, p := range levels {
		if err := s.Put(levelRecord(p)); err != nil {
			t.Fatal(err)
		}
	}
	var files []string
	for _, p := range levels {
		r := volumeRecord(p.Volume("data"), VolumePlace(p.Volume("data"), 1))
		if made, err := s.MakeVolumeData(r); err != nil || !made {
			t.Fatal(made, err)
		}
		if err := s.Put(r); err != nil {
			t.Fatal(err)
		}
		// These have the names of files that kuke removes with a cell or sets aside.
		for _, name := range []string{"network/hosts", "containers/a.log", "state.yaml.unreadable-20260101T000000Z", "empty/dir/.keep"} {
			file := filepath.Join(s.VolumeData(r), name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		if err := os.Remove(filepath.Join(s.VolumeData(r), "empty/dir/.keep")); err != nil {
			t.Fatal(err)
		}
		files[len(files)-1] = filepath.Join(s.VolumeData(r), "empty/dir")
	}
	for _, p := range []resource.Path{"main/s/t", "main/s", "main"} {
		if err := s.Delete(p); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
	st, err := NewStore(dir).Read()
	if err != nil || len(st.Records) != 3 || len(st.Unreadable) > 0 {
		t.Fatalf("%v, %v, %v", st.Paths(), st.Unreadable, err)
	}
	data, err := st.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Parse(data); err != nil || len(again.Records) != 3 {
		t.Fatal(err)
	}
	for _, p := range levels {
		r := s.Record(p.Volume("data"))
		if err := s.RemoveVolumeData(r); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(r.Path); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "main*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// A cell, a stack or a space called volumes is no volume.
func TestResourcesCalledVolumes(t *testing.T) {
	dir := t.TempDir()
	s := NewStore(dir)
	if _, err := s.Read(); err != nil {
		t.Fatal(err)
	}
	paths := []resource.Path{"main", "main/volumes", "main/volumes/volumes", "main/volumes/volumes/volumes", "main/volumes/volumes/volumes/volume"}
	for _, p := range paths {
		r := levelRecord(p)
		if p.Kind() == resource.KindContainer {
			r.Status.ContainerID = "id"
		}
		if err := s.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range paths[:3] {
		if err := s.Put(volumeRecord(p.Volume("volumes"), VolumePlace(p.Volume("volumes"), 1))); err != nil {
			t.Fatal(err)
		}
	}
	st, err := NewStore(dir).Read()
	if err != nil || len(st.Unreadable) > 0 || len(st.Records) != len(paths)+3 {
		t.Fatalf("%v, %v, %v", st.Paths(), st.Unreadable, err)
	}
}

// A move of a stack takes its volumes along, at the places that they have, and the mounts of containers anywhere.
func TestMoveVolumes(t *testing.T) {
	container := func(p resource.Path) *Record {
		r := levelRecord(p)
		r.Spec = &resource.Container{Volumes: []resource.VolumeMount{{Target: "/x", Volume: "main/s/t/@data"}}}
		r.Status.ContainerID, r.Status.SpecDigest = "id-"+p.Name(), resource.CreationDigest(r.Spec)
		return r
	}
	st := &State{Records: map[resource.Path]*Record{}}
	for _, r := range []*Record{
		levelRecord("main"), levelRecord("main/s"), levelRecord("main/s/t"), levelRecord("main/s/t/c"), levelRecord("main/s/u"), levelRecord("main/s/u/c"),
		volumeRecord("main/s/t/@data", "main/s/t/volumes/data/_data"), volumeRecord("main/s/t/@more", "main/s/t/volumes/more/_data"),
		container("main/s/t/c/inside"), container("main/s/u/c/outside"),
	} {
		st.Records[r.Path] = r
	}
	made, refused := st.Rename(map[resource.Path]resource.Path{"main/s/t": "main/s/v", "main/s/t/@more": "main/s/t/@other"})
	if len(refused) > 0 {
		t.Fatal(refused[0].Err)
	}
	st.Renamed(made)
	for p, place := range map[resource.Path]string{"main/s/v/@data": "main/s/t/volumes/data/_data", "main/s/v/@other": "main/s/t/volumes/more/_data"} {
		if r := st.Records[p]; r == nil || r.Status.Volume.Place != place {
			t.Errorf("%s: %+v", p, r)
		}
	}
	for _, p := range []resource.Path{"main/s/v/c/inside", "main/s/u/c/outside"} {
		r := st.Records[p]
		if got := r.Spec.(*resource.Container).Volumes[0].Volume; got != "main/s/v/@data" || r.Status.SpecDigest != resource.CreationDigest(r.Spec) {
			t.Errorf("%s mounts %s, with the digest %s", p, got, r.Status.SpecDigest)
		}
	}
	if len(st.Unfinished()) > 0 {
		t.Error("the volumes are taken for one that was moved halfway")
	}
	if _, refused = st.Rename(map[resource.Path]resource.Path{"main/s/v/@data": "main/s/u/@data"}); len(refused) != 1 {
		t.Error("a volume got another parent")
	}
}

// Data is deleted at places of volumes only.
func TestInvalidPlaces(t *testing.T) {
	for _, place := range []string{
		"", "/", "..", "main", "main/volumes/data", "main/volumes/data/_data/x", "../volumes/data/_data", "main/../volumes/data/_data", "volumes/data/_data",
		"main/volumes/Data/_data", "main/volumes/containers/_data", "main/s/t/c/volumes/data/_data", "main/volumes/data/_data.x", "main/@v/volumes/data/_data",
	} {
		if err := (&Volume{Place: place}).Validate(); err == nil {
			t.Errorf("%q is the place of a volume", place)
		}
	}
	for n := range 3 {
		if err := (&Volume{Place: VolumePlace("main/s/@data", n)}).Validate(); err != nil {
			t.Error(err)
		}
	}
	if err := volumeRecord("main/@data", "main/volumes/data/_data").validate(); err != nil {
		t.Error(err)
	}
	if err := (&Record{Path: "main/@data", Spec: new(resource.Volume)}).validate(); err == nil {
		t.Error("a volume needs no place")
	}
}
