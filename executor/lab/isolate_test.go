package lab_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/lab"
)

func TestIsolable(t *testing.T) {
	for path, want := range map[string]bool{
		"/srv/data": true, "/etc/hosts": true, "/run/app": true, "/var/lib/app": true, "/var/log/app": true, "/dev/shm": true, "/home": true, "/opt/app": true,
		"/": false, "/var": false, "/run": false, "/etc": false, "/opt": false, "/var/lib": false, "/dev": false, "/dev/sda": false, "/proc": false,
		"/sys/fs/bpf": false, "/run/containerd/containerd.sock": false, "/opt/kukeon": false, "/opt/kukeon/main": false, "/var/lib/containerd/x": false,
	} {
		if lab.Isolable(path) != want {
			t.Errorf("Isolable(%s) is %v", path, !want)
		}
	}
}

// isolateRole is the part of a process in a lab that isolates the paths of its arguments, reports them, and changes them.
func isolateRole(paths []string) error {
	for _, path := range paths {
		done, err := lab.Isolate(path)
		if err != nil {
			return err
		}
		fmt.Printf("%s %d\n", filepath.Base(path), done)
	}
	return filepath.WalkDir(paths[0], func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(paths[0], path)
		if err != nil {
			return err
		}
		fmt.Printf("%s %v", rel, info.Mode())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Printf(" %s", data)
			return errors.Join(os.WriteFile(path, []byte("changed"), 0o600), os.WriteFile(path+".new", nil, 0o600))
		}
		fmt.Println()
		return nil
	})
}

// A lab reads the files of the host, in the mounts below a directory too. Changes stay in the lab, and sockets of the host are gone.
func TestIsolate(t *testing.T) {
	requireLab(t)
	for _, above := range []string{t.TempDir(), "/run", "/var/lib"} {
		t.Run(above, func(t *testing.T) {
			dir, err := os.MkdirTemp(above, "isolate")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			must(t, os.Chmod(dir, 0o751))
			must(t, os.MkdirAll(filepath.Join(dir, "mounted"), 0o755))
			must(t, unix.Mount("tmpfs", filepath.Join(dir, "mounted"), "tmpfs", 0, "mode=700"))
			t.Cleanup(func() { must(t, unix.Unmount(filepath.Join(dir, "mounted"), 0)) })
			file, below := filepath.Join(dir, "file"), filepath.Join(dir, "mounted/file")
			single := filepath.Join(above, filepath.Base(dir)+"-single")
			for _, name := range []string{file, below, single} {
				must(t, os.WriteFile(name, []byte("of the host\n"), 0o640))
			}
			t.Cleanup(func() { _ = os.Remove(single) })
			for _, name := range []string{filepath.Join(dir, "socket"), filepath.Join(dir, "mounted/socket")} {
				listener, err := net.Listen("unix", name)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = listener.Close() })
			}
			points, err := lab.HostMounts([]string{dir, single})
			if err != nil {
				t.Fatal(err)
			}
			out, code, err := capture(t, lab.Options{
				Command: []string{executable(t), dir, single}, HostMounts: points, Env: append(os.Environ(), envRole+"=isolate"),
			})
			want := filepath.Base(dir) + " 0\n" + filepath.Base(single) + " 0\n. drwxr-x--x\nfile -rw-r----- of the host\nmounted drwx------\nmounted/file -rw-r----- of the host\n"
			if err != nil || code != 0 || out != want {
				t.Errorf("Run = %d, %v; output:\n%swant:\n%s", code, err, out, want)
			}
			for _, name := range []string{file, below, single} {
				if data, err := os.ReadFile(name); string(data) != "of the host\n" || err != nil {
					t.Errorf("%s holds %q: %v", name, data, err)
				}
			}
			left, _ := filepath.Glob(filepath.Join(dir, "*"))
			if names := strings.Join(left, " "); strings.Contains(names, ".new") || !strings.Contains(names, "socket") {
				t.Errorf("left on the host: %s", names)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
