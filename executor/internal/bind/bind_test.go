package bind

import (
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestPrepare(t *testing.T) {
	dir := t.TempDir()
	defer syscall.Umask(syscall.Umask(0o077))
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(dir, "a", "b")
	c := &resource.Container{Volumes: []resource.VolumeMount{
		{Source: missing, Target: "/a", CreateHostPath: true}, {Source: file, Target: "/b", CreateHostPath: true}, {Source: filepath.Join(dir, "c"), Target: "/c"},
	}}
	for range 2 {
		if err := Prepare(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, made := range []string{missing, filepath.Dir(missing)} {
		if info, err := os.Stat(made); err != nil || info.Mode() != os.ModeDir|0o755 {
			t.Errorf("%s: %v, %v", made, info, err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the file became %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "c")); err == nil {
		t.Error("a source was created that does not ask for it")
	}
	c.Volumes = []resource.VolumeMount{{Source: filepath.Join(file, "x"), Target: "/a", CreateHostPath: true}}
	if err := Prepare(c); err == nil {
		t.Error("a directory was created below a file")
	}
}

func TestFileLabel(t *testing.T) {
	form := regexp.MustCompile(`^system_u:object_r:container_file_t:s0:c\d+,c\d+$`)
	a, b := fileLabel("s_t_a_web"), fileLabel("s_t_b_web")
	if a == b || !form.MatchString(a) || a != fileLabel("s_t_a_web") {
		t.Errorf("labels %s and %s", a, b)
	}
}

func TestPropagationIn(t *testing.T) {
	for optional, want := range map[string]Propagation{"": Private, "shared:1": Shared, "master:2": Slave, "shared:1 master:2": Shared, "master:2 propagate_from:3": Slave, "unbindable": Private} {
		if got := propagationIn(optional); got != want {
			t.Errorf("%q is %s, want %s", optional, got, want)
		}
	}
}
