package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// freezer holds the files that freeze a cgroup.
type freezer struct {
	dir string
	// state is the file that freezes the cgroup and thawed the value that thaws it. own is the file with "1" where the cgroup
	// itself is to be frozen, and all the file with the value whole where its processes are frozen, for any reason.
	state, thawed, own, all, whole string
}

func (t *Tree) freezer(cgroup string) freezer {
	if t.mode == V2 {
		return freezer{filepath.Join(t.root, cgroup), "cgroup.freeze", "0", "cgroup.freeze", "cgroup.events", "frozen 1"}
	}
	return freezer{filepath.Join(t.dirs["freezer"], cgroup), "freezer.state", "THAWED", "freezer.self_freezing", "freezer.state", "FROZEN"}
}

// Frozen reports whether the processes of the cgroup are frozen, and whether the cgroup itself is frozen instead of one
// above it. A missing cgroup is not frozen.
func (t *Tree) Frozen(cgroup string) (frozen, itself bool, err error) {
	if err := checkPath(cgroup); err != nil {
		return false, false, err
	}
	f := t.freezer(cgroup)
	if t.mode == V1 && t.dirs["freezer"] == "" {
		return false, false, nil
	}
	read := func(file string) string {
		data, readErr := os.ReadFile(filepath.Join(f.dir, file))
		if gone(readErr) != nil && err == nil {
			err = fmt.Errorf("read whether cgroup %s is frozen: %w", cgroup, readErr)
		}
		return string(data)
	}
	itself = strings.TrimSpace(read(f.own)) == "1"
	return itself || strings.Contains(read(f.all), f.whole), itself, err
}

// Thaw thaws a cgroup that is itself frozen, and leaves any other as it is.
func (t *Tree) Thaw(cgroup string) error {
	_, itself, err := t.Frozen(cgroup)
	if err != nil || !itself {
		return err
	}
	f := t.freezer(cgroup)
	if err := write(filepath.Join(f.dir, f.state), f.thawed); gone(err) != nil {
		return fmt.Errorf("thaw cgroup %s: %w", cgroup, err)
	}
	return nil
}
