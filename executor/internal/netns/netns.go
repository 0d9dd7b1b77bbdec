// Package netns makes network namespaces that last without a process: each is pinned by a bind mount on a file, as
// "ip netns" does it.
//
// The pin is made in the mount namespace of the calling process, which has to be that of containerd's shims. The
// package fills no namespace with more than a loopback that is up; links and addresses come from elsewhere.
package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Create makes a network namespace with its loopback up and pins it at path, in place of what is pinned there.
// Directories above path are made.
func Create(path string) error {
	if err := Remove(path); err != nil {
		return err
	}
	if err := pin(path); err != nil {
		// Remove takes what was made up to the failure.
		return errors.Join(fmt.Errorf("create network namespace %s: %w", path, err), Remove(path))
	}
	return nil
}

func pin(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return onOwnThread(func() error { return unshareAndPin(path) })
}

// onOwnThread runs f on a thread that ends with it, so that no other goroutine finds itself in the new namespace.
func onOwnThread(f func() error) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// The main thread never ends, and /proc/self would show its namespace. It is kept busy meanwhile.
			failed <- onOwnThread(f)
			runtime.UnlockOSThread()
			return
		}
		// Never unlocked, which ends the thread.
		failed <- f()
	}()
	return <-failed
}

// unshareAndPin leaves the calling thread in the new namespace.
func unshareAndPin(path string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set the loopback up: %w", err)
	}
	own := fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
	if err := unix.Mount(own, path, "none", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind mount: %w", err)
	}
	return nil
}

// Remove takes the pin at path away. The namespace itself stays while a process is in it. A path that is gone already
// is no error.
func Remove(path string) error {
	for {
		// Pins can lie on top of each other.
		err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return fmt.Errorf("remove network namespace %s: unmount: %w", path, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove network namespace %s: %w", path, err)
	}
	return nil
}

// Inode returns the number that identifies the network namespace of a process. The error matches [fs.ErrNotExist] when
// there is no such process.
func Inode(pid int) (uint64, error) {
	return inode("/proc/" + strconv.Itoa(pid) + "/ns/net")
}

// PinInode returns the number that identifies the network namespace pinned at path. The error matches [fs.ErrNotExist]
// when nothing is pinned there, even where the empty file of a pin that was lost, as in a reboot, is left.
func PinInode(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("look at network namespace %s: %w", path, err)
	}
	if int64(st.Type) != unix.NSFS_MAGIC {
		return 0, fmt.Errorf("look at network namespace %s: nothing is pinned there: %w", path, fs.ErrNotExist)
	}
	return inode(path)
}

func inode(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("look at network namespace %s: %w", path, err)
	}
	return st.Ino, nil
}
