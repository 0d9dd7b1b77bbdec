// Package volume handles the data of volumes: the directories that containers mount, the content that a new volume takes from an
// image, and the mounts of file systems. It knows no records.
package volume

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	securejoin "github.com/cyphar/filepath-securejoin"
	"github.com/moby/sys/mountinfo"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
)

// Mode returns the mode of a directory from that of chmod(2).
func Mode(bits uint32) fs.FileMode {
	mode := fs.FileMode(bits) & fs.ModePerm
	for bit, flag := range map[uint32]fs.FileMode{unix.S_ISUID: fs.ModeSetuid, unix.S_ISGID: fs.ModeSetgid, unix.S_ISVTX: fs.ModeSticky} {
		if bits&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

// subpathMode is the mode of a directory in a volume that a mount names and that is missing.
const subpathMode fs.FileMode = 0o755

// Source returns the directory at a path within the directory of a volume. It makes a missing one, and never leaves the volume,
// where symbolic links lead elsewhere.
func Source(dir, subpath string) (string, error) {
	if subpath == "" {
		return dir, nil
	}
	source, err := securejoin.SecureJoin(dir, subpath)
	if err != nil {
		return "", err
	}
	return source, os.MkdirAll(source, subpathMode)
}

// Mount returns the mount of a file system. As Docker does, it resolves the name in the option addr of a remote one, which the
// kernel can't.
func Mount(ctx context.Context, opts *resource.DriverOpts, m resource.VolumeMount) (specs.Mount, error) {
	mount := specs.Mount{Destination: m.Target, Type: opts.Type, Source: opts.Device}
	if mount.Source == "" {
		mount.Source = opts.Type
	}
	for _, option := range strings.Split(opts.O, ",") {
		if option == "" {
			continue
		}
		if host, ok := strings.CutPrefix(option, "addr="); ok {
			addresses, err := net.DefaultResolver.LookupIPAddr(ctx, host)
			if err != nil || len(addresses) == 0 {
				return mount, fmt.Errorf("resolve its addr %s: %w", host, err)
			}
			option = "addr=" + addresses[0].String()
		}
		mount.Options = append(mount.Options, option)
	}
	if m.ReadOnly {
		mount.Options = append(mount.Options, "ro")
	}
	return mount, nil
}

// CheckUnmounted returns an error where something is mounted at the directory or below it: it must not be deleted.
func CheckUnmounted(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return err
	}
	if len(mounts) > 0 {
		return fmt.Errorf("a file system is mounted at %s: unmount it first", mounts[0].Mountpoint)
	}
	return nil
}
