//go:build vm

package vm_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/kukeon/kuke/executor/lab/busybox"
	"github.com/kukeon/kuke/executor/lab/vm"
)

// scriptLimit bounds one script of a story, on a busy machine.
const scriptLimit = 20 * time.Minute

var release = flag.String("release", "bookworm", "code name of the Debian release that the stories run on")

var (
	image vm.Image
	// files are those that every guest has below /mnt/test.
	files = map[string]string{}
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kuke-vm")
	if err == nil {
		defer os.RemoveAll(dir)
		err = prepare(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	}
	return m.Run()
}

// prepare makes the image of the host, builds kuke, and collects the files of guests.
func prepare(dir string) (err error) {
	if image, err = vm.Build(context.Background(), *release); err != nil {
		return err
	}
	kuke := filepath.Join(dir, "kuke")
	build := exec.Command("go", "build", "-trimpath", "-o", kuke, "github.com/kukeon/kuke/cmd/kuke")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build kuke: %w: %s", err, out)
	}
	files["kuke"] = kuke
	files["rootfs.tar"] = filepath.Join(dir, "rootfs.tar")
	if err := busybox.WriteFile(files["rootfs.tar"]); err != nil {
		return err
	}
	data, err := filepath.Glob("testdata/*")
	for _, file := range data {
		files[filepath.Base(file)] = file
	}
	if containerd := os.Getenv("KUKE_TEST_CONTAINERD"); containerd != "" {
		files["containerd/containerd"] = containerd
		files["containerd/containerd-shim-runc-v2"] = filepath.Join(filepath.Dir(containerd), "containerd-shim-runc-v2")
	}
	return err
}

// story is a test on a machine of its own.
type story struct {
	*testing.T
	*vm.Machine
}

// begin boots a machine with kuke installed and the image busybox in realm main.
func begin(t *testing.T) *story {
	t.Helper()
	m, err := vm.Start(t.Context(), vm.Options{Image: image, Files: files, Dir: t.TempDir(), Log: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	s := &story{t, m}
	t.Cleanup(func() {
		if t.Failed() {
			const tail = 4 << 10
			text := m.Console()
			t.Logf("the end of its console:\n%s", text[max(0, len(text)-tail):])
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	result, err := m.Run(t.Context(), "mount /mnt/test")
	if err != nil || result.Status != 0 {
		t.Fatal(err, result.Output)
	}
	if files["containerd/containerd"] != "" {
		s.run(`
			install -D -t /opt/containerd/bin /mnt/test/containerd/*
			mkdir -p /etc/systemd/system/containerd.service.d
			printf '[Service]\nExecStart=\nExecStart=/opt/containerd/bin/containerd\nEnvironment=PATH=/opt/containerd/bin:/usr/sbin:/usr/bin:/sbin:/bin\n' \
			  > /etc/systemd/system/containerd.service.d/version.conf
			systemctl daemon-reload
			systemctl restart containerd`)
	}
	s.run(`
		install /mnt/test/kuke /usr/local/bin/kuke
		import
		sync`)
	return s
}

// run runs a script, which must succeed, and returns its output.
func (s *story) run(script string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), scriptLimit)
	defer cancel()
	begin := time.Now()
	result, err := s.Machine.Run(ctx, ". /mnt/test/lib.sh\n"+script)
	if err != nil {
		s.Fatal(err)
	}
	s.Logf("%s\n%s\nexit status %d after %s", script, result.Output, result.Status, time.Since(begin).Round(time.Second))
	if result.Status != 0 {
		s.Fatalf("the script above ended with %d", result.Status)
	}
	return result.Output
}

// reboot reboots the guest as its user would, and waits until it is up again.
func (s *story) reboot() {
	s.Helper()
	s.leave("systemctl --no-block reboot")
	if err := s.Off(s.Context()); err != nil {
		s.Fatal(err)
	}
	s.bootAgain()
}

// leave runs a script that may not come to its end, since it takes the guest down.
func (s *story) leave(script string) {
	s.Helper()
	if _, err := s.Machine.Run(s.Context(), script); err != nil {
		s.Logf("%s: %v", script, err)
	}
}

// cut cuts the power and boots again.
func (s *story) cut() {
	s.Helper()
	if err := s.PowerCut(); err != nil {
		s.Fatal(err)
	}
	s.bootAgain()
}

func (s *story) bootAgain() {
	s.Helper()
	if err := s.Boot(s.Context()); err != nil {
		s.Fatal(err)
	}
	if result, err := s.Machine.Run(s.Context(), "mount /mnt/test"); err != nil || result.Status != 0 {
		s.Fatal(err, result.Output)
	}
}
