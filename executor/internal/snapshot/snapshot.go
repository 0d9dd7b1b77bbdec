// Package snapshot mounts and removes snapshots, and replaces in them the symbolic links that root would follow.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/mount"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/errdefs"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/thread"
)

// Snapshotter is the snapshotter that all images are unpacked with.
const Snapshotter = defaults.DefaultSnapshotter

// Remove removes the snapshot with the key, in the namespace of ctx. A missing one is no error.
func Remove(ctx context.Context, c *client.Client, key string) error {
	err := c.Containerd.SnapshotService(Snapshotter).Remove(ctx, key)
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("remove snapshot %s: %w", key, err)
}

// layersOf returns the directories that a snapshot consists of, the uppermost first.
func layersOf(m mount.Mount) []string {
	if m.Type != "overlay" {
		return []string{m.Source}
	}
	var upper, lower []string
	for _, option := range m.Options {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "upperdir":
			upper = []string{value}
		case "lowerdir":
			lower = strings.Split(value, ":")
		}
	}
	return slices.Concat(upper, lower)
}

// Visit calls f with the root of the mounted snapshot. It is mounted in a mount namespace of its own, over a directory that
// every host has: no other process sees the mount, and it ends with kuke, even when kuke is killed.
func Visit(m mount.Mount, f func(*os.Root) error) error {
	const place = "/proc"
	return thread.Run(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("make a mount namespace: %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("make the mounts of the mount namespace private: %w", err)
		}
		if err := mountAt(m, place); err != nil {
			return err
		}
		root, err := os.OpenRoot(place)
		if err != nil {
			return err
		}
		return errors.Join(f(root), root.Close())
	})
}

// mountAt changes the working directory of the thread, which must have one of its own: with short names, the layers of each
// image fit into the one page that the kernel accepts.
func mountAt(m mount.Mount, target string) error {
	if m.Type != "overlay" {
		return client.Wrap(unix.Mount(m.Source, target, "", unix.MS_BIND|unix.MS_REC, ""), "mount %s", m.Source)
	}
	layers := layersOf(m)
	near := filepath.Dir(filepath.Dir(layers[len(layers)-1])) // the directory of the snapshots, each with its layer
	if err := unix.Chdir(near); err != nil {
		return fmt.Errorf("enter %s: %w", near, err)
	}
	var options []string
	for _, option := range m.Options {
		key, value, _ := strings.Cut(option, "=")
		switch key {
		case "volatile", "rw": // a volatile one can't be mounted again
			continue
		case "lowerdir":
			lower := strings.Split(value, ":")
			for i, dir := range lower {
				if rel, err := filepath.Rel(near, dir); err == nil {
					lower[i] = rel
				}
			}
			option = "lowerdir=" + strings.Join(lower, ":")
		}
		options = append(options, option)
	}
	return client.Wrap(unix.Mount("overlay", target, "overlay", 0, strings.Join(options, ",")), "mount the snapshot")
}
