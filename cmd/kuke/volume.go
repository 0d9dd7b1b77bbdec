package main

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/config/resource"
)

func newVolume(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "volume",
		Short: "Back up and restore the data of volumes",
		Long: "volume backs up and restores the data of volumes. kuke get volumes lists them, kuke create volume and kuke delete volume\n" +
			"make and delete them.",
		Example: "  kuke volume backup main/default/blog/@data --output data.tar\n  kuke volume restore main/default/blog/@data data.tar",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newVolumeBackup(a), newVolumeRestore(a))
	return cmd
}

func newVolumeBackup(a *app) *cobra.Command {
	output, live := "-", false
	var lockTimeout time.Duration
	cmd := &cobra.Command{
		Use:   "backup PATH",
		Short: "Write the data of a volume as a tar",
		Long: "backup writes the data of a volume as a tar: with owners, modes, times, extended attributes, hard links and devices.\n" +
			"Sockets are left out, with a warning. The processes of the cells that mount the volume are frozen meanwhile. A process\n" +
			"of its own thaws them should kuke be killed. Other commands wait for the lock of the state.",
		Example: "  kuke volume backup main/default/blog/@data --output data.tar\n  kuke volume backup main/default/blog/@data | zstd >data.tar.zst",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := resource.ParsePath(args[0])
			if err != nil {
				return err
			}
			o := session.VolumeBackup{LockTimeout: lockTimeout, Live: live, Warn: func(text string) { fmt.Fprintln(a.stderr, "Warning: "+text) }}
			return a.toFile(output, func(w io.Writer) error { return a.session.BackupVolume(cmd.Context(), p, w, o) })
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "-", "`file` to write; - is standard output")
	annotateFile(cmd, "output", writtenFile)
	cmd.Flags().BoolVar(&live, "no-freeze", false, "leave the processes running that use the volume: files may change while they are read")
	cmd.Flags().DurationVar(&lockTimeout, "lock-timeout", 0, "maximum `time` to wait for another kuke command, like 30s")
	return cmd
}

// toFile has write write a file that only root can read, and that appears when it is complete; or a device, a pipe, or standard output.
func (a *app) toFile(name string, write func(io.Writer) error) error {
	if name == "-" {
		if term.IsTerminal(int(a.stdout.Fd())) {
			return errors.New("standard output is a terminal: name a file with --output, or pipe the archive into another program")
		}
		w := bufio.NewWriter(a.stdout)
		return errors.Join(write(w), w.Flush())
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0) // a device or a pipe, which stays
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	return newFile(name, write)
}

// newFile has write write a file that only root can read, and replaces the one of that name when it is complete. Where the file system can,
// the file has no name until then, so that nothing of it stays should kuke be killed.
func newFile(name string, write func(io.Writer) error) error {
	dir := filepath.Dir(name)
	const mode = 0o600
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, mode)
	if err != nil {
		return namedFile(name, write)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	temporary := filepath.Join(dir, "."+filepath.Base(name)+"-"+rand.Text())
	if err := unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, temporary, unix.AT_SYMLINK_FOLLOW); err != nil {
		return fmt.Errorf("name %s: %w", name, err)
	}
	if err := os.Rename(temporary, name); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return nil
}

// namedFile is newFile on a file system without files that have no name.
func namedFile(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-") // which only root can read
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func newVolumeRestore(a *app) *cobra.Command {
	var lockTimeout time.Duration
	cmd := &cobra.Command{
		Use:   "restore PATH FILE",
		Short: "Replace the data of a volume by that of a tar",
		Long: "restore replaces all data of a volume by that of a tar, from FILE or from standard input (-). No running container may\n" +
			"mount the volume. The tar is unpacked aside first: one that is broken, or has a path outside of the volume, changes\n" +
			"nothing. Blocks of zeros become holes.",
		Example: "  kuke stop main/default/blog/db/mysql\n  kuke volume restore main/default/blog/@data data.tar\n  zstd -dc data.tar.zst | kuke volume restore main/default/blog/@data -",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := resource.ParsePath(args[0])
			if err != nil {
				return err
			}
			var from io.Reader = a.stdin
			if args[1] != "-" {
				f, err := os.Open(args[1])
				if err != nil {
					return fmt.Errorf("restore volume %s: %w", p, err)
				}
				defer f.Close()
				from = f
			}
			return a.session.RestoreVolume(cmd.Context(), p, bufio.NewReader(from), lockTimeout)
		},
	}
	cmd.Flags().DurationVar(&lockTimeout, "lock-timeout", 0, "maximum `time` to wait for another kuke command, like 30s")
	return cmd
}
