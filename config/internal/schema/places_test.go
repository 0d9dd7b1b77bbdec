package schema

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("SUDO_USER", "")
	t.Setenv("HOME", "/home/me")
	for _, tt := range []struct{ source, file, want string }{
		{"/srv/a", "x/main.hcl", "/srv/a"},
		{"./a", "main.hcl", dir + "/a"},
		{"../a/./b/", "x/y/main.hcl", dir + "/x/a/b"},
		{"..", "main.yaml", filepath.Dir(dir)},
		{".", "/etc/kuke/main.hcl", "/etc/kuke"},
		{"../../../../a", "/etc/kuke/main.hcl", "/a"},
		{"./a", "<stdin>", dir + "/a"},
		{"~", "main.hcl", "/home/me"},
		{"~/a/../b", "main.hcl", "/home/me/b"},
	} {
		if got, err := (Places{}).abs(tt.source, tt.file); err != nil || got != tt.want {
			t.Errorf("%s in %s: %s, %v, want %s", tt.source, tt.file, got, err, tt.want)
		}
	}
	for _, source := range []string{"./a", "..", "~/a"} {
		if got, err := (Places{Elsewhere: true}).abs(source, "main.hcl"); err == nil || !strings.Contains(err.Error(), "write an absolute path") {
			t.Errorf("%s of another machine: %s, %v", source, got, err)
		}
	}
	if got, err := (Places{Elsewhere: true}).abs("/a", "main.hcl"); err != nil || got != "/a" {
		t.Errorf("an absolute path of another machine: %s, %v", got, err)
	}
}

func TestHomeOfSudo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another one's")
	}
	daemon, err := user.Lookup("daemon")
	if err != nil {
		t.Skip(err)
	}
	t.Setenv("SUDO_USER", "daemon")
	t.Setenv("HOME", "/root")
	if got, err := (Places{}).abs("~/a", "main.hcl"); err != nil || got != filepath.Join(daemon.HomeDir, "a") {
		t.Errorf("~/a is %s, %v", got, err)
	}
	t.Setenv("SUDO_USER", "nobody-here")
	if got, err := (Places{}).abs("~/a", "main.hcl"); err == nil {
		t.Errorf("the home directory of an unknown user is %s", got)
	}
}
