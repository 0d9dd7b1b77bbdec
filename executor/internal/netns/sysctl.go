package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/internal/thread"
)

// defaults are the parameters of a new namespace that differ from the kernel's: Docker's, by which every user of a container
// may listen on low ports and ping.
var defaults = []struct{ name, value string }{
	{"net.ipv4.ip_unprivileged_port_start", "0"},
	{"net.ipv4.ping_group_range", "0 2147483647"},
}

// setDefaults sets the defaults in the namespace of the calling thread.
func setDefaults() error {
	for _, d := range defaults {
		err := os.WriteFile(sysctlFile(d.name), []byte(d.value), 0o644)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without it
			return fmt.Errorf("set %s: %w", d.name, err)
		}
	}
	return nil
}

func sysctlFile(name string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
}

// fresh runs f on a thread of its own within a new network namespace, which has only a loopback.
func fresh(f func() error) error {
	return thread.Run(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		if err := setDefaults(); err != nil {
			return err
		}
		return f()
	})
}

// ofInterface matches the parameters of one interface of a cell.
var ofInterface = regexp.MustCompile(`^(net\.ipv[46]\.(?:conf|neigh))\.eth[0-9]+\.`)

// OfInterface reports whether the parameter belongs to an interface of a cell, which a new namespace does not have.
func OfInterface(name string) bool { return ofInterface.MatchString(name) }

// settable caches, by parameter, whether a network namespace of this host has it and lets root set it.
var settable sync.Map

// Settable reports whether a network namespace of this host has the parameter and lets root set it.
func Settable(name string) (bool, error) {
	name = ofInterface.ReplaceAllString(name, "$1.lo.")
	if known, ok := settable.Load(name); ok {
		return known.(bool), nil
	}
	var can bool
	err := fresh(func() error {
		can = unix.Access(sysctlFile(name), unix.W_OK) == nil
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("look for the parameter %s in a new network namespace: %w", name, err)
	}
	settable.Store(name, can)
	return can, nil
}

// Reset gives the parameters in the namespace pinned at path the values that they have in a new one. The error matches
// [fs.ErrNotExist] when no namespace is pinned there.
func Reset(path string, names []string) error {
	values := map[string][]byte{}
	err := fresh(func() error {
		for _, name := range names {
			value, err := os.ReadFile(sysctlFile(ofInterface.ReplaceAllString(name, "$1.lo.")))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			values[name] = value
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reset parameters of network namespace %s: %w", path, err)
	}
	return Do(path, func() error {
		for name, value := range values {
			err := os.WriteFile(sysctlFile(name), value, 0o644)
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // an interface that is gone
				return fmt.Errorf("reset %s in network namespace %s: %w", name, path, err)
			}
		}
		return nil
	})
}
