package executor

import (
	"slices"
	"testing"
)

// A volume below another one is in the snapshot of that: nothing else comes between.
func TestSortVolumes(t *testing.T) {
	var volumes []KitVolume
	for _, path := range []string{"/a/c", "/a-b", "/a.d/e", "/a", "/a/c/f"} {
		volumes = append(volumes, KitVolume{Source: path, Path: path})
	}
	sortVolumes(volumes)
	var got []string
	for _, v := range volumes {
		got = append(got, v.Path)
	}
	if want := []string{"/a", "/a/c", "/a/c/f", "/a-b", "/a.d/e"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
