package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

func checkRunPath(dir string) Check {
	c := Check{Name: "state", Needed: true, Fix: "choose another directory with --run-path, or repair the permissions of this one"}
	_, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.OK, c.Found = true, dir+" is made by the first apply"
	case err != nil:
		c.Found = err.Error()
	default:
		st, err := state.NewStore(dir).Read()
		switch {
		case err != nil:
			c.Found, c.Fix = err.Error(), "repair the file that is named, or restore it from a backup"
		case len(st.Unreadable) > 0:
			c.Found, c.Fix = st.Warnings().Error(), "the next apply repairs it"
		case len(planner.Lost(st)) > 0:
			c.Found, c.Fix = fmt.Sprintf("the record of %s is missing, but there are records of resources in it", planner.Lost(st)[0]), "the next apply repairs it"
		default:
			c.OK, c.Found = true, dir
		}
	}
	return c
}
