package lab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// scratch holds the changes to isolated paths, in memory.
const scratch = "/run/host-changes"

const (
	// maxEntries limits the search for sockets: a directory with more entries is shown empty.
	maxEntries = 1 << 20
	// maxFile is the maximum size of a file that is copied, in bytes: a larger one is shown read-only.
	maxFile = 64 << 20
)

// Isolation is the kind of file or directory that a lab shows at a path of the host.
type Isolation int

const (
	// Snapshot is the data of the host; changes stay in the lab.
	Snapshot Isolation = iota
	// Emptied is an empty directory, where the file system of the host allows no snapshot, or the directory is too large.
	Emptied
	// ReadOnly is a file of the host that is too large for a copy.
	ReadOnly
	// Deaf is a socket on which nobody listens, in place of the host's.
	Deaf
	// Unchanged is the file of the host as it is: a device, which only containers with a permission for it can use.
	Unchanged
)

// own are the directories that a lab has for itself: covering one of them, or a directory above, would break the lab.
var own = slices.Concat([]string{"/dev", "/proc", "/sys", HostDir, scratch, filepath.Dir(containerdSocket)}, emptied)

// Isolable reports whether [Isolate] can keep changes to the path, absolute and without symbolic links, from the host. It can't for
// directories that a lab has for itself, or shares with the host in part, like / and /var, and for devices.
func Isolable(path string) bool {
	if within(path, "/dev/shm") {
		return true
	}
	return !slices.ContainsFunc(own, func(dir string) bool { return within(dir, path) || within(path, dir) })
}

var isolated atomic.Int64

// Isolate makes a file or directory of the host private in the lab of this process: data of the host can be read there, changes
// stay in memory, and no socket of the host can be connected to. The path is absolute, without symbolic links and [Isolable]. The
// lab shows its mounts, see [Options.HostMounts].
func Isolate(path string) (Isolation, error) {
	done, err := isolate(path)
	if err != nil {
		return done, fmt.Errorf("isolate %s in the lab: %w", path, err)
	}
	return done, nil
}

func isolate(path string) (Isolation, error) {
	info, err := os.Lstat(filepath.Join(HostDir, path))
	if err != nil {
		return Unchanged, err
	}
	stat := info.Sys().(*syscall.Stat_t)
	switch {
	case info.IsDir():
		return isolateDir(path, stat)
	case info.Mode().IsRegular() && info.Size() > maxFile:
		return ReadOnly, cover(filepath.Join(HostDir, path), path)
	case info.Mode().IsRegular():
		return Snapshot, coverFile(path, filepath.Join(HostDir, path), stat)
	case info.Mode()&fs.ModeSocket != 0:
		return Deaf, coverNode(path, stat)
	case info.Mode()&fs.ModeNamedPipe != 0:
		return Snapshot, coverNode(path, stat)
	}
	return Unchanged, nil
}

// space makes a directory for the changes to one path.
func space() (string, error) {
	dir := filepath.Join(scratch, fmt.Sprint(isolated.Add(1)))
	return dir, os.MkdirAll(dir, 0o700)
}

// cover mounts the file or directory on the path, which is made where the lab lacks it: only below directories of its own.
func cover(from, path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makePoint(from, path); err != nil {
			return err
		}
	}
	return unix.Mount(from, path, "", unix.MS_BIND, "")
}

func makePoint(like, path string) error {
	info, err := os.Lstat(like)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// set gives the file the owner and the mode of the host's.
func (like ownerOf) set(file string) error {
	if err := os.Lchown(file, int(like.Uid), int(like.Gid)); err != nil {
		return err
	}
	return unix.Chmod(file, like.Mode&0o7777)
}

// ownerOf is the owner and the mode of a file of the host.
type ownerOf syscall.Stat_t

// coverFile mounts a copy of the file with that name on the path.
func coverFile(path, name string, stat *syscall.Stat_t) error {
	dir, err := space()
	if err != nil {
		return err
	}
	from, err := os.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	file := filepath.Join(dir, "file")
	to, err := os.Create(file)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		return errors.Join(err, to.Close())
	}
	if err := errors.Join(to.Close(), ownerOf(*stat).set(file)); err != nil {
		return err
	}
	return cover(file, path)
}

func coverNode(path string, stat *syscall.Stat_t) error {
	dir, err := space()
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "node")
	if err := unix.Mknod(file, stat.Mode, 0); err != nil {
		return err
	}
	if err := ownerOf(*stat).set(file); err != nil {
		return err
	}
	return cover(file, path)
}

// isolateDir isolates a directory with the mounts below it.
func isolateDir(path string, stat *syscall.Stat_t) (Isolation, error) {
	private, err := isPrivate(path)
	if err != nil {
		return Emptied, err
	}
	done := Snapshot
	if !private {
		if done, err = coverDir(path, stat); err != nil || done == Emptied {
			return done, err
		}
	}
	// Before the search for sockets, which must not find those of the host.
	if err := isolateBelow(path); err != nil {
		return done, err
	}
	err = removeSockets(path)
	if errors.Is(err, errTooLarge) {
		return Emptied, coverEmpty(path, stat)
	}
	return done, err
}

// isPrivate reports whether the path is on one of the lab's own overlays.
func isPrivate(path string) (bool, error) {
	all, err := mountinfo.GetMounts(mountinfo.ParentsFilter(path))
	if err != nil {
		return false, err
	}
	on := ""
	for _, m := range all {
		if len(m.Mountpoint) >= len(on) {
			on = m.Mountpoint
		}
	}
	return slices.Contains(overlaid, on), nil
}

// coverDir mounts a snapshot of the directory on it, or an empty one.
func coverDir(path string, stat *syscall.Stat_t) (Isolation, error) {
	dir, err := space()
	if err != nil {
		return Emptied, err
	}
	lower, upper, work, merged := filepath.Join(dir, "lower"), filepath.Join(dir, "upper"), filepath.Join(dir, "work"), filepath.Join(dir, "merged")
	for _, d := range []string{lower, upper, work, merged} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return Emptied, err
		}
	}
	// The root of an overlay has the attributes of the upper directory. The short names need no quoting.
	if err := ownerOf(*stat).set(upper); err != nil {
		return Emptied, err
	}
	if err := unix.Mount(filepath.Join(HostDir, path), lower, "", unix.MS_BIND, ""); err != nil {
		return Emptied, err
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work)
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return Emptied, coverEmpty(path, stat)
	}
	return Snapshot, cover(merged, path)
}

func coverEmpty(path string, stat *syscall.Stat_t) error {
	dir, err := space()
	if err != nil {
		return err
	}
	if err := ownerOf(*stat).set(dir); err != nil {
		return err
	}
	return cover(dir, path)
}

// isolateBelow isolates the mounts below a directory. A snapshot has their mount points, and a directory of the lab's own overlays
// the mounts themselves: those that the lab doesn't show are emptied.
func isolateBelow(path string) error {
	shown := filepath.Join(HostDir, path) + "/"
	found, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return !strings.HasPrefix(m.Mountpoint, shown) && !strings.HasPrefix(m.Mountpoint, path+"/"), false
	})
	if err != nil {
		return err
	}
	var points []string
	for _, m := range found {
		points = append(points, strings.TrimPrefix(m.Mountpoint, HostDir))
	}
	slices.Sort(points) // parents first
	for _, point := range slices.Compact(points) {
		if err := isolateMount(point); err != nil {
			return err
		}
	}
	return nil
}

func isolateMount(point string) error {
	if _, err := os.Lstat(point); errors.Is(err, fs.ErrNotExist) {
		return nil // in a snapshot that was emptied
	}
	from := filepath.Join(HostDir, point)
	mounted, err := mountinfo.Mounted(from)
	if err != nil {
		return err
	}
	if !mounted {
		from = point
	}
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	stat := info.Sys().(*syscall.Stat_t)
	switch {
	case mounted && !info.IsDir():
		_, err := isolate(point)
		return err
	case !mounted && info.IsDir():
		return coverEmpty(point, stat)
	case !mounted:
		return coverFile(point, os.DevNull, stat)
	}
	if done, err := coverDir(point, stat); err != nil || done == Emptied {
		return err
	}
	err = removeSockets(point)
	if errors.Is(err, errTooLarge) {
		return coverEmpty(point, stat)
	}
	return err
}

var errTooLarge = fmt.Errorf("it has more than %d entries", maxEntries)

// removeSockets removes the sockets of the host from a snapshot: a socket connects with its listener through any mount and
// network namespace. It stays on the file system of the directory.
func removeSockets(dir string) error {
	var root unix.Stat_t
	if err := unix.Stat(dir, &root); err != nil {
		return err
	}
	entries := 0
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entries++; entries > maxEntries {
			return errTooLarge
		}
		if d.Type()&fs.ModeSocket != 0 {
			return os.Remove(path)
		}
		if !d.IsDir() {
			return nil
		}
		var at unix.Stat_t
		if err := unix.Lstat(path, &at); err != nil {
			return err
		}
		if at.Dev != root.Dev {
			return fs.SkipDir
		}
		return nil
	})
}
