package secrets

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// lacks are sensitive values of containers that are needed and not there, all for the same reason. One error is about all of
// them: each of many equal containers lacks the same values.
type lacks struct {
	containers []resource.Path
	leaves     []string
}

func (l *lacks) add(p resource.Path, leaf string) {
	if n := len(l.containers); n == 0 || l.containers[n-1] != p {
		l.containers = append(l.containers, p)
	}
	if !slices.Contains(l.leaves, leaf) {
		l.leaves = append(l.leaves, leaf)
	}
}

// unknown is the error for values that are known only by their sealed texts.
func (l *lacks) unknown() error {
	const rest = " sensitive, and neither in the state nor in a saved plan. Pass %s configuration with the same variables: kuke apply -f FILE, or kuke apply PLANFILE -f FILE"
	return l.fail("is"+fmt.Sprintf(rest, "its"), "are"+fmt.Sprintf(rest, "their"))
}

// differ is the error for values that the configuration has, and that are not those of the plan.
func (l *lacks) differ() error {
	return l.fail("differs from the one in the plan. Plan again", "differ from those in the plan. Plan again")
}

// fail returns an error that names the values, nil if there are none. one and many end the sentence about them.
func (l *lacks) fail(one, many string) error {
	if len(l.containers) == 0 {
		return nil
	}
	where := "container " + string(l.containers[0])
	switch others := len(l.containers) - 1; {
	case others == 1:
		where += " and 1 other"
	case others > 1:
		where += fmt.Sprintf(" and %d others", others)
	}
	if len(l.leaves) == 1 {
		return fmt.Errorf("%s: the value of %s %s", where, l.leaves[0], one)
	}
	const named = 5
	list, last := l.leaves[:min(len(l.leaves), named)], ""
	if more := len(l.leaves) - len(list); more > 0 {
		last = fmt.Sprintf("%d more", more)
	} else {
		list, last = list[:len(list)-1], list[len(list)-1]
	}
	return fmt.Errorf("%s: the values of %s and %s %s", where, strings.Join(list, ", "), last, many)
}
