// Package busybox creates a root file system for containers in tests: the busybox of this machine with links for its commands.
package busybox

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// program is the statically linked program of Debian's busybox-static.
	program    = "/bin/busybox"
	executable = 0o755
)

var (
	dirs     = []string{"bin/", "etc/", "tmp/", "data/"}
	commands = []string{
		"cat", "dd", "df", "echo", "env", "false", "free", "grep", "head", "hostname", "httpd", "id", "ip", "kill", "ls", "mkdir", "mount", "nc", "ping",
		"ps", "pwd", "rm", "sh", "sleep", "sync", "tail", "timeout", "touch", "true", "wget",
	}
)

// WriteTar writes the root file system as a tar, for kuke image import.
func WriteTar(w io.Writer) (err error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("%w. Install it: apt-get install busybox-static", err)
	}
	archive := tar.NewWriter(w)
	defer func() { err = errors.Join(err, archive.Close()) }()
	for _, dir := range dirs {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: executable}); err != nil {
			return err
		}
	}
	if err := archive.WriteHeader(&tar.Header{Name: "bin/busybox", Mode: executable, Size: int64(len(data))}); err != nil {
		return err
	}
	if _, err := archive.Write(data); err != nil {
		return err
	}
	for _, name := range commands {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox"}); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes the tar to a new file.
func WriteFile(name string) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return WriteTar(f)
}
