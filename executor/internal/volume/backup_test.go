package volume

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func noWarning(t *testing.T) func(string) {
	return func(text string) { t.Errorf("warned that %s", text) }
}

func TestBackupAndRestore(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	from, to := filepath.Join(t.TempDir(), "_data"), filepath.Join(t.TempDir(), "_data")
	for _, dir := range []string{from, to} {
		if err := os.Mkdir(dir, 0o750); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(from, "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chown(from, 7, 8), os.WriteFile(filepath.Join(to, "old"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	err := unix.Lsetxattr(file, "user.kuke", []byte("a\x00b"), 0)
	if errors.Is(err, unix.ENOTSUP) {
		t.Skip("the file system has no extended attributes")
	}
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := Backup(t.Context(), from, &archive, noWarning(t)); err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), bytes.NewReader(archive.Bytes()), to); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 10)
	n, err := unix.Lgetxattr(filepath.Join(to, "file"), "user.kuke", value)
	if err != nil || string(value[:n]) != "a\x00b" {
		t.Errorf("the attribute is %q, %v", value[:max(n, 0)], err)
	}
	var stat unix.Stat_t
	if err := unix.Stat(to, &stat); err != nil || stat.Uid != 7 || stat.Gid != 8 || stat.Mode&0o7777 != 0o750 {
		t.Errorf("the directory is %+v, %v", stat, err)
	}
	if _, err := os.Stat(filepath.Join(to, "old")); err == nil {
		t.Error("the former data is still there")
	}
	again := bytes.Buffer{}
	if err := Backup(t.Context(), to, &again, noWarning(t)); err != nil || !bytes.Equal(again.Bytes(), archive.Bytes()) {
		t.Errorf("the archive of the restored data differs: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Backup(ended, from, &again, noWarning(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled backup: %v", err)
	}
}

// The data of a volume is behind a link, the archive is by another program, and a killed command has left directories beside the data.
func TestRestoreThroughLink(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	parent := t.TempDir()
	dir, link := filepath.Join(parent, "_data"), filepath.Join(parent, "link")
	users := filepath.Join(parent, "_restoring")
	left := []string{dir + restoring, dir + copying, dir + copied}
	for _, d := range append([]string{dir, users}, left...) {
		if err := errors.Join(os.Mkdir(d, 0o755), os.WriteFile(filepath.Join(d, "old"), nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("_data", link); err != nil {
		t.Fatal(err)
	}
	if err := TidyUp(link); err != nil {
		t.Fatal(err)
	}
	for _, d := range left[:2] {
		if _, err := os.Lstat(d); err == nil {
			t.Errorf("%s is still there", d)
		}
	}
	from := t.TempDir()
	f, err := os.Create(filepath.Join(from, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("end"), 1<<22)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	archive, err := exec.CommandContext(t.Context(), "tar", "--format=gnu", "-cSC", from, ".").Output()
	if err != nil || !bytes.Contains(archive[:1024], []byte("sparse")) {
		t.Fatalf("tar: %v", err)
	}
	if err := Restore(t.Context(), bytes.NewReader(archive), link); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "sparse")); err != nil || info.Size() != 1<<22+3 {
		t.Errorf("the file is %v, %v", info, err)
	}
	if names, err := os.ReadDir(parent); err != nil || len(names) != 3 {
		t.Errorf("beside the data are %v, %v", names, err)
	}
	if _, err := os.Lstat(filepath.Join(users, "old")); err != nil {
		t.Error(err)
	}
}

// An archive that has anything wrong leaves the data alone, and nothing beside it.
func TestRestoreRefuses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	outside := t.TempDir()
	for name, headers := range map[string][]tar.Header{
		"a path above":                {{Name: "../x", Typeflag: tar.TypeReg}},
		"a path above within":         {{Name: "a/../../x", Typeflag: tar.TypeReg}},
		"an absolute path":            {{Name: outside + "/x", Typeflag: tar.TypeReg}},
		"a file behind a link":        {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: outside}, {Name: "out/x", Typeflag: tar.TypeReg}},
		"a relative link that leaves": {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "../.."}, {Name: "out/x", Typeflag: tar.TypeReg}},
		"a hard link above":           {{Name: "x", Typeflag: tar.TypeLink, Linkname: "../../etc/passwd"}},
		"a hard link behind a link":   {{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "x", Typeflag: tar.TypeLink, Linkname: "out/passwd"}},
		"no file":                     {},
		"an unknown type":             {{Name: "x", Typeflag: 'Z'}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "_data")
			if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "mine"), []byte("kept"), 0o644)); err != nil {
				t.Fatal(err)
			}
			var archive bytes.Buffer
			w := tar.NewWriter(&archive)
			for _, h := range append([]tar.Header{}, headers...) {
				h.Mode = 0o644
				if err := w.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if err := Restore(t.Context(), &archive, dir); err == nil {
				t.Error("it was restored")
			}
			if data, err := os.ReadFile(filepath.Join(dir, "mine")); err != nil || string(data) != "kept" {
				t.Errorf("the data is %q, %v", data, err)
			}
			if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) != 1 {
				t.Errorf("beside the data are %v, %v", left, err)
			}
			if left, err := os.ReadDir(outside); err != nil || len(left) != 0 {
				t.Errorf("outside are %v, %v", left, err)
			}
		})
	}
}
