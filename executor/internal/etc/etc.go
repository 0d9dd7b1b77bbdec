// Package etc writes the files that the containers of a cell see in /etc: hosts, hostname and resolv.conf.
//
// It changes them in place: they are mounted into containers, which would keep seeing a file that was replaced.
package etc

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
	"github.com/kukeon/kuke/planner/state/durable"
)

// The files of a cell that its containers see in /etc.
const (
	hostsFile    = state.HostsFile
	hostnameFile = state.HostnameFile
	resolvFile   = state.ResolvFile
)

// Write makes or updates the files of a cell.
func Write(store *state.Store, cell *state.Record, names []plan.SpaceNames) error {
	if err := store.MakeNetworkDir(cell.Path); err != nil {
		return err
	}
	files, err := filesOf(cell)
	if err != nil {
		return err
	}
	err = WriteHosts(store, cell.Path, cell.Status.Attachment, names)
	for _, f := range files {
		err = errors.Join(err, writeFile(store, cell.Path, f.name, f.text))
	}
	return err
}

type file struct{ name, text string }

// filesOf returns the files of a cell, except its hosts file.
func filesOf(cell *state.Record) ([]file, error) {
	a := cell.Status.Attachment
	if a == nil {
		a = &state.Attachment{}
	}
	name, err := Hostname(cell.Path, a)
	if err != nil {
		return nil, err
	}
	resolv, err := resolvConf(a)
	return []file{{hostnameFile, name + "\n"}, {resolvFile, resolv}}, err
}

// Hostname returns the host name of a cell: in the host's network, by default, the host's.
func Hostname(cell resource.Path, a *state.Attachment) (string, error) {
	if a.OnHost() && a.Hostname == "" {
		return os.Hostname()
	}
	return a.HostnameOf(cell), nil
}

// hostsOf returns the hosts file of a cell.
func hostsOf(cell resource.Path, a *state.Attachment, names []plan.SpaceNames) (string, error) {
	if !a.OnHost() {
		return plan.HostsFile(cell, a, names), nil
	}
	data, err := os.ReadFile(hostHosts)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the host's names: %w", err)
	}
	text := string(data)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + plan.ExtraHostLines(a), nil
}

// hostHosts is the hosts file of the host.
const hostHosts = "/etc/hosts"

// WriteHosts makes or updates the hosts file of a cell.
func WriteHosts(store *state.Store, cell resource.Path, a *state.Attachment, names []plan.SpaceNames) error {
	text, err := hostsOf(cell, a, names)
	if err != nil {
		return err
	}
	return writeFile(store, cell, hostsFile, text)
}

// Dir returns the directory of the files of a cell.
func Dir(store *state.Store, cell resource.Path) string {
	return filepath.Dir(store.NetworkFile(cell, hostsFile))
}

// Stale returns the names of the files of a recorded cell that [Write] would change, except the hosts file that is made from the
// names of cells.
func Stale(store *state.Store, cell *state.Record) ([]string, error) {
	files, err := filesOf(cell)
	if err != nil {
		return nil, err
	}
	if a := cell.Status.Attachment; a.OnHost() {
		hosts, err := hostsOf(cell.Path, a, nil)
		if err != nil {
			return nil, err
		}
		files = append(files, file{hostsFile, hosts})
	}
	var stale []string
	for _, f := range files {
		found, err := os.ReadFile(store.NetworkFile(cell.Path, f.name))
		if err != nil || string(found) != f.text {
			stale = append(stale, f.name)
		}
	}
	return stale, nil
}

// writeFile changes the file in place: containers that it is mounted into would keep seeing one that was replaced. The file
// that they see has a second, hidden name beside the first. Where an editor replaces the file under the first name, the
// second still leads to the mounted one, and writeFile restores it.
func writeFile(store *state.Store, cell resource.Path, name, text string) error {
	file, kept := store.NetworkFile(cell, name), store.NetworkFile(cell, "."+name)
	err := keep(file, kept)
	if err == nil {
		err = rewrite(kept, text)
	}
	if err == nil {
		err = restore(file, kept)
	}
	if err != nil {
		return fmt.Errorf("write /etc/%s of cell %s: %w", name, cell, err)
	}
	return nil
}

// All users of a container may read the files of its cell.
const etcMode fs.FileMode = 0o644

// keep gives the file its second name, after it has made the file if it is missing.
func keep(file, kept string) error {
	if _, err := os.Lstat(kept); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := durable.OpenFile(file, os.O_CREATE|os.O_WRONLY, etcMode)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Link(file, kept))
}

// rewrite changes the text of the file. It writes the new text before it cuts the rest of a longer old one, so that the
// file is never seen empty.
func rewrite(file, text string) error {
	if old, err := durable.ReadFile(file); err == nil && string(old) == text {
		return nil
	}
	slog.Debug("writing file", "file", file)
	f, err := durable.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(text), 0)
	if err == nil {
		err = f.Truncate(int64(len(text)))
	}
	return errors.Join(err, f.Chmod(etcMode), f.Close())
}

// restore makes the first name refer to the file that has the second one.
func restore(file, kept string) error {
	want, err := os.Stat(kept)
	if err != nil {
		return err
	}
	if found, err := os.Lstat(file); err == nil && os.SameFile(want, found) {
		return nil
	}
	next := kept + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Link(kept, next); err != nil {
		return err
	}
	return os.Rename(next, file)
}

// Mounts returns the mounts of the cell's files, except those that a volume of the container replaces. A container with a read-only
// root file system can't change them: as with Docker, they are part of it.
func Mounts(store *state.Store, container *state.Record) []specs.Mount {
	var mounts []specs.Mount
	spec := container.Spec.(*resource.Container)
	for _, name := range []string{hostsFile, hostnameFile, resolvFile} {
		target := filepath.Join("/etc", name)
		source, access := store.NetworkFile(container.Path.Parent(), name), "rw"
		if spec.ReadOnlyRootFilesystem {
			access = "ro"
		}
		if name == hostnameFile && spec.UTS == resource.NamespaceHost {
			source, access = target, "ro" // the host's own
			if _, err := os.Stat(source); err != nil {
				continue
			}
		}
		own := slices.ContainsFunc(spec.Volumes, func(v resource.VolumeMount) bool { return v.Target == target || v.Target == "/etc" })
		if !own {
			mounts = append(mounts, specs.Mount{
				Destination: target, Type: "bind", Source: source, Options: []string{"rbind", "rprivate", access},
			})
		}
	}
	return mounts
}

// Link links the files of a cell, which are mounted into its containers, below its new path. Until the specs of the
// containers change, their next tasks mount them from the former one.
func Link(store *state.Store, from, to resource.Path) error {
	if err := store.MakeNetworkDir(to); err != nil {
		return err
	}
	for _, name := range []string{hostsFile, hostnameFile, resolvFile} {
		if err := linkFile(store, from, to, name); err != nil {
			return fmt.Errorf("move /etc/%s of cell %s: %w", name, from, err)
		}
	}
	return nil
}

func linkFile(store *state.Store, from, to resource.Path, name string) error {
	old := store.NetworkFile(from, "."+name)
	had, err := os.Stat(old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the next Write makes it
	}
	if err != nil {
		return err
	}
	kept := store.NetworkFile(to, "."+name)
	if now, err := os.Lstat(kept); err != nil || !os.SameFile(had, now) {
		if err := os.Remove(kept); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.Link(old, kept); err != nil {
			return err
		}
	}
	return restore(store.NetworkFile(to, name), kept)
}
