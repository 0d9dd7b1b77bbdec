// Package configs keeps the texts of the configuration that containers have as files.
//
// The files are in the directory of the state, so that containerd can restart a container after a reboot. They are changed in
// place, since they are mounted, and nobody but root gets into their directory, so that their modes only count in containers.
package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
	"github.com/kukeon/kuke/planner/state/durable"
)

func dirOf(store *state.Store, r *state.Record) string {
	return store.ConfigsDir(r.Status.Namespace, r.Status.ContainerID)
}

// Mounts returns the mounts of the container's configs.
func Mounts(store *state.Store, r *state.Record) []specs.Mount {
	var mounts []specs.Mount
	for _, c := range r.Spec.(*resource.Container).Configs {
		mounts = append(mounts, specs.Mount{
			Destination: c.Target(), Type: "bind", Source: filepath.Join(dirOf(store, r), c.Name),
			Options: []string{"bind", "rprivate", "ro", "nosuid", "nodev"},
		})
	}
	return mounts
}

// Write makes or updates the files of a container that runs as the user and the group.
func Write(store *state.Store, r *state.Record, uid, gid int) error {
	configs := r.Spec.(*resource.Container).Configs
	if len(configs) == 0 {
		return nil
	}
	const dirMode = 0o700
	dir := dirOf(store, r)
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("write the configs of container %s: %w", r.Path, err)
	}
	for _, c := range configs {
		if err := writeFile(filepath.Join(dir, c.Name), c, uid, gid); err != nil {
			return fmt.Errorf("write the config %s of container %s: %w", c.Name, r.Path, err)
		}
	}
	return durable.SyncDir(dir)
}

// writeFile sets the content, mode and owner of a file without a change of its inode.
func writeFile(file string, c resource.Config, uid, gid int) error {
	f, err := durable.OpenFile(file, os.O_RDWR|os.O_CREATE, c.FileMode())
	if err != nil {
		return err
	}
	old, err := os.ReadFile(file)
	if err == nil && string(old) != c.Content {
		if _, err = f.WriteAt([]byte(c.Content), 0); err == nil {
			err = f.Truncate(int64(len(c.Content)))
		}
		err = errors.Join(err, f.Sync())
	}
	uid, gid = c.Owner(uid, gid)
	return errors.Join(err, f.Chown(uid, gid), f.Chmod(c.FileMode()), f.Close())
}

// Remove removes the files of the container.
func Remove(store *state.Store, r *state.Record) error {
	if r.Status.ContainerID == "" || r.Status.Namespace == "" {
		return nil
	}
	dir := dirOf(store, r)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove the configs of container %s: %w", r.Path, err)
	}
	_ = os.Remove(filepath.Dir(dir)) // the namespace may have others
	_ = os.Remove(filepath.Dir(filepath.Dir(dir)))
	return nil
}

// Drift describes the drift of the file of a config, or returns "".
func Drift(store *state.Store, r *state.Record, c resource.Config) (string, error) {
	file := filepath.Join(dirOf(store, r), c.Name)
	info, err := os.Lstat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Sprintf("the file of its config %s is missing", c.Name), nil
	}
	if err != nil {
		return "", fmt.Errorf("look at the config %s of container %s: %w", c.Name, r.Path, err)
	}
	if info.Mode() != c.FileMode() {
		return fmt.Sprintf("the file of its config %s has the mode %v", c.Name, info.Mode()), nil
	}
	stat := info.Sys().(*syscall.Stat_t)
	if uid, gid := c.Owner(int(stat.Uid), int(stat.Gid)); uid != int(stat.Uid) || gid != int(stat.Gid) {
		return fmt.Sprintf("the file of its config %s belongs to %d:%d", c.Name, stat.Uid, stat.Gid), nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("look at the config %s of container %s: %w", c.Name, r.Path, err)
	}
	if string(data) != c.Content {
		return fmt.Sprintf("the file of its config %s was edited", c.Name), nil
	}
	return "", nil
}

// Owns reports whether the file on this host is a config of the container.
func Owns(store *state.Store, namespace, id, source string) bool {
	return filepath.Dir(filepath.Clean(source)) == store.ConfigsDir(namespace, id)
}
