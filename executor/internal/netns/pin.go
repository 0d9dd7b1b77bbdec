package netns

import (
	"os"
	"path/filepath"
)

// Dir holds the network namespaces of cells, each pinned under the id of its cell. Like everything below /run it is
// lost in a reboot, as the namespaces are.
const Dir = "/run/kukeon/netns"

// Path returns the pin of the network namespace of the cell with the id.
func Path(id string) string { return filepath.Join(Dir, id) }

// RemoveDir removes the directory of the pins once it is empty.
func RemoveDir() {
	_ = os.Remove(Dir)
	_ = os.Remove(filepath.Dir(Dir))
}
