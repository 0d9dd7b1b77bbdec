package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kukeon/kuke/executor/internal/poll"
	"github.com/kukeon/kuke/executor/program"
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

// freezeTimeout limits the time for the processes of a cgroup to freeze: one that hangs in the kernel never does.
const freezeTimeout = 30 * time.Second

// Freeze freezes the processes of the cgroups until thaw is called. Should this process end before, however it ends, a process that
// watches it thaws them. A cgroup that is frozen itself already, or that is missing, stays as it is.
func (t *Tree) Freeze(ctx context.Context, cgroups []string) (thaw func() error, err error) {
	var files []string
	var frozen []string
	for _, cgroup := range cgroups {
		_, itself, err := t.Frozen(cgroup)
		if err != nil {
			return nil, err
		}
		f := t.freezer(cgroup)
		if file := filepath.Join(f.dir, f.state); !itself && exists(file) {
			files, frozen = append(files, file), append(frozen, cgroup)
		}
	}
	if len(files) == 0 {
		return func() error { return nil }, nil
	}
	thaw, err = t.watch(files)
	if err != nil {
		return nil, err
	}
	for i, file := range files {
		if err := t.freeze(ctx, frozen[i], file); err != nil {
			return nil, errors.Join(err, thaw())
		}
	}
	return thaw, nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// watch starts a process that writes to the files the value that thaws their cgroups, when thaw is called or this process ends.
func (t *Tree) watch(files []string) (thaw func() error, err error) {
	const wait = `read -r _; value=$1; shift; for file; do echo "$value" >"$file"; done`
	cmd := program.Command(context.Background(), "sh", append([]string{"-c", wait, "sh", t.freezer("").thawed}, files...)...)
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the process that thaws cgroups: %w", err)
	}
	return func() error {
		_ = end.Close() // the process reads the end of its input
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("thaw cgroups: %w", err)
		}
		return nil
	}, nil
}

// freeze freezes a cgroup and waits until its processes are frozen.
func (t *Tree) freeze(ctx context.Context, cgroup, file string) error {
	f := t.freezer(cgroup)
	value := "1"
	if t.mode != V2 {
		value = f.whole
	}
	if err := write(file, value); err != nil {
		return fmt.Errorf("freeze cgroup %s: %w", cgroup, err)
	}
	ctx, cancel := context.WithTimeout(ctx, freezeTimeout)
	defer cancel()
	for {
		data, err := os.ReadFile(filepath.Join(f.dir, f.all))
		if err != nil {
			return fmt.Errorf("freeze cgroup %s: %w", cgroup, err)
		}
		if strings.Contains(string(data), f.whole) {
			return nil
		}
		if err := poll.Pause(ctx); err != nil {
			return fmt.Errorf("freeze cgroup %s: its processes do not freeze: %w", cgroup, err)
		}
	}
}
