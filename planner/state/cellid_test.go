package state

import (
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestCellIDFitsCNI(t *testing.T) {
	name := func(n int, letter string) string { return strings.Repeat(letter, n) }
	seen := map[string]bool{}
	for n := 1; n <= 63; n++ {
		for _, letter := range []string{"a", "b"} {
			cell := resource.Path(strings.Join([]string{name(n, "r"), name(n, "s"), name(n, "t"), name(n, letter)}, "/"))
			id := CellID(cell)
			if seen[id] {
				t.Errorf("names of %d: %s is the id of two cells", n, id)
			}
			seen[id] = true
			network := resource.NetworkName(cell)
			if comment := `dnat name: "` + network + `" id: "` + id + `"`; len(comment) > 255 {
				t.Errorf("names of %d: a comment of %d characters", n, len(comment))
			}
			if file := network + "-" + id + "-eth0"; len(file) > 255 {
				t.Errorf("names of %d: a file name of %d characters", n, len(file))
			}
			// The ids of those that worked before stay.
			if plain := strings.Join(cell.Names(), "_"); n <= 37 && id != plain {
				t.Errorf("names of %d: the id is %s, not %s", n, id, plain)
			}
		}
	}
}
