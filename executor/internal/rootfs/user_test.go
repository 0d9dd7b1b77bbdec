package rootfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFindUserStaysInTheRootFileSystem(t *testing.T) {
	root, host := t.TempDir(), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	passwd := filepath.Join(host, "passwd")
	must(os.WriteFile(passwd, []byte("web:x:666:666::/:\n"), 0o644))
	must(os.Mkdir(filepath.Join(root, "etc"), 0o755))
	inside := filepath.Join(root, "etc/passwd")
	must(os.Symlink(passwd, inside))
	if u, err := FindUser(root, "web"); err == nil {
		t.Errorf("a file of the host: %+v", u)
	}
	// The link leads to a file inside.
	must(os.MkdirAll(filepath.Join(root, host), 0o755))
	must(os.WriteFile(filepath.Join(root, passwd), []byte("web:x:101:102::/:\n"), 0o644))
	if u, err := FindUser(root, "web"); err != nil || u.Uid != 101 || u.Gid != 102 {
		t.Errorf("%+v, %v", u, err)
	}
	must(os.Remove(inside))
	must(unix.Mkfifo(inside, 0o644))
	if _, err := FindUser(root, "web"); err == nil || !strings.Contains(err.Error(), "/etc/passwd: it is no regular file") {
		t.Errorf("a pipe: %v", err)
	}
	must(os.Remove(inside))
	if u, err := FindUser(root, "7:8"); err != nil || u.Uid != 7 || u.Gid != 8 {
		t.Errorf("without a user database: %+v, %v", u, err)
	}
}
