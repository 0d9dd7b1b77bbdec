package preflight

import (
	"github.com/kukeon/kuke/config/resource"
)

// Alone reports whether a container of the cell, nil where that is not known, waits for no other container. Another one may
// put the program of this one into a volume.
func Alone(c *resource.Container, cell *resource.Cell) bool {
	return c.Root && len(c.DependsOn) == 0 && (cell == nil || len(cell.DependsOn) == 0)
}
