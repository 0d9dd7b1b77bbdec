package netns

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestCreateRemove(t *testing.T) {
	needLab(t)
	path := filepath.Join("/run/kuke-test", "a", "net")
	if _, err := PinInode(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("inode of nothing: %v", err)
	}
	own, err := Inode(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	first, err := PinInode(path)
	if err != nil || first == own {
		t.Fatalf("inode %d of the pin, %d of this process, %v", first, own, err)
	}
	out, err := exec.Command("nsenter", "--net="+path, "ip", "-br", "link").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !strings.Contains(string(out), "LOOPBACK,UP") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("links: %s", out)
	}
	out, err = exec.Command("nsenter", "--net="+path, "sh", "-c", "ip link add void0 type veth peer name void1 && ip link set void1 up && ip link set void0 up && ip -6 -br addr show").CombinedOutput()
	if err != nil || strings.Contains(string(out), "fe80:") || !strings.Contains(string(out), "::1/128") {
		t.Errorf("IPv6 addresses: %s, %v", out, err)
	}
	// A second one takes the place of the first, which is still in use here.
	sleep := exec.Command("nsenter", "--net="+path, "sleep", "100")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sleep.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = sleep.Wait()
	}()
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	second, err := PinInode(path)
	if err != nil || second == own {
		t.Fatalf("inode %d, %v", second, err)
	}
	for range 2 {
		if err := Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), path) {
		t.Errorf("the mount is left: %v", err)
	}
}

func TestStalePin(t *testing.T) {
	needLab(t)
	path := "/run/kuke-test-stale"
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if _, err := PinInode(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("inode of a stale pin: %v", err)
	}
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	if err := Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestFailureLeavesNothing(t *testing.T) {
	needLab(t)
	if err := Create("/proc/kuke-test"); err == nil {
		t.Error("no error")
	}
	if _, err := Inode(1 << 30); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// No thread of this process may end up in a namespace that was made.
func TestNoThreadIsLeftBehind(t *testing.T) {
	needLab(t)
	own, err := Inode(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			path := filepath.Join("/run/kuke-test-many", string(rune('a'+i)))
			if err := Create(path); err != nil {
				t.Error(err)
			}
			if err := Remove(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var bodies sync.WaitGroup
	for range 100 {
		bodies.Go(func() {
			if now, err := PinInode("/proc/thread-self/ns/net"); err != nil || now != own {
				t.Errorf("a goroutine is in %d instead of %d, %v", now, own, err)
			}
		})
	}
	bodies.Wait()
}
