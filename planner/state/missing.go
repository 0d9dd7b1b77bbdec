package state

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// mostSuggestions is the number of paths that [State.Missing] still names.
const mostSuggestions = 3

// Missing returns the error that p is not recorded. It names the recorded resources of the kind with the same name.
func (s *State) Missing(p resource.Path) error {
	var similar []string
	for _, q := range s.Paths() {
		if q != p && q.Kind() == p.Kind() && q.Name() == p.Name() {
			similar = append(similar, string(q))
		}
	}
	remedy := "kuke state list lists the paths"
	if n := len(similar); n > 0 && n <= mostSuggestions {
		remedy = "Did you mean " + strings.Join(similar, " or ") + "?"
	}
	return fmt.Errorf("there is no %s %s in the state. %s", p.Kind().Lower(), p, remedy)
}
