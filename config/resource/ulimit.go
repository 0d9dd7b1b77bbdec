package resource

import (
	"fmt"
	"strconv"
	"strings"
)

// Ulimit is a limit of each process of a container, see setrlimit(2). [Unlimited] is no limit.
type Ulimit struct{ Soft, Hard int64 }

// String returns the normal form, soft:hard.
func (u Ulimit) String() string { return fmt.Sprintf("%d:%d", u.Soft, u.Hard) }

// ParseUlimit reads the normal form.
func ParseUlimit(s string) (Ulimit, error) {
	soft, hard, ok := strings.Cut(s, ":")
	var u Ulimit
	var err error
	if u.Soft, err = strconv.ParseInt(soft, 10, 64); err == nil && ok {
		u.Hard, err = strconv.ParseInt(hard, 10, 64)
	}
	if err != nil || !ok {
		return Ulimit{}, fmt.Errorf("%q is not of the form soft:hard", s)
	}
	return u, nil
}
