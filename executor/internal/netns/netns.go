// Package netns creates network namespaces that last without a process, and enters them: each is pinned by a bind mount on a
// file, like those of "ip netns".
//
// The pin is created in the mount namespace of the calling process, which has to be that of containerd's shims. The package
// configures only the loopback of a namespace; other packages add links and addresses.
package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/internal/thread"
)

// Create creates a network namespace with its loopback up and pins it at path, in place of another pin. It creates the
// directories above path. IPv6 is disabled on every other link by default, and every user may listen on low ports and ping.
func Create(path string) error {
	if err := Remove(path); err != nil {
		return err
	}
	if err := pin(path); err != nil {
		// Remove removes the parts created before the failure.
		return errors.Join(fmt.Errorf("create network namespace %s: %w", path, err), Remove(path))
	}
	return nil
}

// Pin pins the network namespace of a running process at path, in place of another pin, to repair a lost pin. It creates the
// directories above path. The error matches [fs.ErrNotExist] when the process does not exist, and then the old pin stays.
func Pin(path string, pid int) error {
	return wrap(pinProcess(path, pid), "pin the network namespace of pid %d at %s", pid, path)
}

func pinProcess(path string, pid int) error {
	// An open file keeps the namespace when the process ends before it is pinned.
	f, err := os.Open(OfProcess(pid))
	if err != nil {
		return err
	}
	defer f.Close()
	if pinned, err := PinInode(path); err == nil {
		if own, err := inode("/proc/self/fd/" + strconv.Itoa(int(f.Fd()))); err == nil && own == pinned {
			return nil
		}
	}
	if err := Remove(path); err != nil {
		return err
	}
	err = makeFile(path)
	if err == nil {
		err = bind("/proc/self/fd/"+strconv.Itoa(int(f.Fd())), path)
	}
	if err != nil {
		return errors.Join(err, Remove(path))
	}
	return nil
}

func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), err)
}

func pin(path string) error {
	if err := makeFile(path); err != nil {
		return err
	}
	return thread.Run(func() error { return unshareAndPin(path) })
}

func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return err
	}
	return f.Close()
}

// unshareAndPin leaves the calling thread in the new namespace.
func unshareAndPin(path string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := errors.Join(disableIPv6(), setDefaults()); err != nil {
		return err
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("set the loopback up: %w", err)
	}
	return bind(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()), path)
}

// disableIPv6 disables IPv6 except for the loopback's ::1, as Docker does in a network without it: an interface with a
// link-local address accepts routes and resolvers from every other one on the link.
func disableIPv6() error {
	for _, set := range []struct{ link, value string }{{"all", "1"}, {"default", "1"}, {"lo", "0"}} {
		file := filepath.Join("/proc/sys/net/ipv6/conf", set.link, "disable_ipv6")
		err := os.WriteFile(file, []byte(set.value), 0o644)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a kernel without it
		}
		if err != nil {
			return fmt.Errorf("disable IPv6: %w", err)
		}
	}
	return nil
}

func bind(namespace, path string) error {
	return wrap(unix.Mount(namespace, path, "none", unix.MS_BIND, ""), "bind mount")
}

// Remove removes the pin at path. The namespace itself stays while a process is in it. A missing path is no error.
func Remove(path string) error {
	for {
		// Pins can be stacked.
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

// Inode returns the number that identifies the network namespace of a process. The error matches [fs.ErrNotExist] when the
// process does not exist.
func Inode(pid int) (uint64, error) {
	return inode(OfProcess(pid))
}

// OfProcess returns the path at which the network namespace of a process can be entered, as a pinned one.
func OfProcess(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/ns/net" }

// PinInode returns the number that identifies the network namespace pinned at path. The error matches [fs.ErrNotExist] when
// no namespace is pinned there, also where a pin that was lost, as in a reboot, has left its empty file.
func PinInode(path string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, fmt.Errorf("inspect network namespace %s: %w", path, err)
	}
	if int64(st.Type) != unix.NSFS_MAGIC {
		return 0, fmt.Errorf("inspect network namespace %s: no namespace is pinned there: %w", path, fs.ErrNotExist)
	}
	return inode(path)
}

func inode(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("inspect network namespace %s: %w", path, err)
	}
	return st.Ino, nil
}
