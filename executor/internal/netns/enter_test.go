package netns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func pinned(t *testing.T) string {
	t.Helper()
	needLab(t)
	path := "/run/kuke-test-" + strings.ToLower(t.Name())
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := Remove(path); err != nil {
			t.Error(err)
		}
	})
	return path
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

// nobodyIn checks that no thread of this process is in the namespace.
func nobodyIn(t *testing.T, path string) {
	t.Helper()
	want, err := PinInode(path)
	if err != nil {
		t.Fatal(err)
	}
	inside := 0
	for range 100 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		inside = 0
		for _, task := range tasks {
			if n, err := inode("/proc/self/task/" + task.Name() + "/ns/net"); err == nil && n == want {
				inside++
			}
		}
		if inside == 0 {
			return
		}
		// A thread ends a moment after its goroutine.
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d threads are left in the namespace", inside)
}

func TestDo(t *testing.T) {
	path := pinned(t)
	want, err := PinInode(path)
	if err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			err := Do(path, func() error {
				if got, err := PinInode("/proc/thread-self/ns/net"); err != nil || got != want {
					t.Errorf("in namespace %d instead of %d, %v", got, want, err)
				}
				return mine
			})
			if err != mine {
				t.Errorf("error %v", err)
			}
		})
	}
	wg.Wait()
	nobodyIn(t, path)
	if n := threads(t); n > 60 {
		t.Errorf("%d threads", n)
	}
}

func TestNothingPinned(t *testing.T) {
	needLab(t)
	stale := "/run/kuke-test-enter-stale"
	if err := os.WriteFile(stale, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(stale)
	for _, path := range []string{"/run/kuke-test-enter-none", stale} {
		ran := false
		if err := Do(path, func() error { ran = true; return nil }); !errors.Is(err, fs.ErrNotExist) || ran {
			t.Errorf("%s: %v, run: %v", path, err, ran)
		}
		if conn, err := Dialer(path)(t.Context(), "tcp", "127.0.0.1:80"); !errors.Is(err, fs.ErrNotExist) || conn != nil {
			t.Errorf("%s: %v, %v", path, conn, err)
		}
	}
}

// serve serves HTTP on a loopback address within the namespace alone.
func serve(t *testing.T, path, address string) string {
	t.Helper()
	var listener net.Listener
	if err := Do(path, func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "inside") })}
	done := make(chan struct{})
	go func() {
		_ = server.Serve(listener)
		close(done)
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-done
	})
	return listener.Addr().String()
}

func TestDialer(t *testing.T) {
	path := pinned(t)
	dial := Dialer(path)
	for _, loopback := range []string{"127.0.0.1:0", "[::1]:0"} {
		address := serve(t, path, loopback)
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			conn.Close()
			t.Fatalf("%s is reached from outside", address)
		}
		check := func() {
			conn, err := dial(t.Context(), "tcp", address)
			if err != nil {
				t.Error(err)
				return
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
		for range 200 {
			check()
		}
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				for range 25 {
					check()
				}
			})
		}
		wg.Wait()
		client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
		for range 20 {
			wg.Go(func() {
				resp, err := client.Get("http://" + address)
				if err != nil {
					t.Error(err)
					return
				}
				defer resp.Body.Close()
				if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "inside" {
					t.Errorf("body %q, %v", body, err)
				}
			})
		}
		wg.Wait()
	}
	nobodyIn(t, path)
}

func TestDialerFails(t *testing.T) {
	path := pinned(t)
	dial := Dialer(path)
	if _, err := dial(t.Context(), "tcp", "localhost:80"); err == nil {
		t.Error("a name is taken")
	}
	if _, err := dial(t.Context(), "tcp", "127.0.0.1:9"); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("closed port: %v", err)
	}
	if _, err := dial(t.Context(), "tcp", "192.0.2.1:80"); !errors.Is(err, unix.ENETUNREACH) {
		t.Errorf("no route: %v", err)
	}
	// Into the void: the dial has to end with the context, and the thread with it.
	out, err := exec.Command("nsenter", "--net="+path, "sh", "-c", "ip link add void0 type veth peer name void1 && ip addr add 192.0.2.2/24 dev void0 && ip link set void1 up && ip link set void0 up && ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:01 dev void0").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err = dial(ctx, "tcp", "192.0.2.1:80")
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(begin) > 30*time.Second {
		t.Errorf("silence, after %s: %v", time.Since(begin), err)
	}
	nobodyIn(t, path)
}

func TestPin(t *testing.T) {
	path := pinned(t)
	want, err := PinInode(path)
	if err != nil {
		t.Fatal(err)
	}
	sleep := exec.Command("nsenter", "--net="+path, "sleep", "100")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			_ = sleep.Process.Kill()
			_ = sleep.Wait()
			ended = true
		}
	}
	defer end()
	pid := sleep.Process.Pid
	for range 200 {
		if n, err := Inode(pid); err == nil && n == want {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	lose := map[string]func() error{
		"nothing": func() error { return nil },
		"unmount": func() error { return unix.Unmount(path, unix.MNT_DETACH) },
		"remove":  func() error { return Remove(path) },
		"another": func() error { return Create(path) },
		"twice":   func() error { return bind("/proc/self/ns/net", path) },
		"deeper":  func() error { path += "-dir/a/net"; return nil },
	}
	for _, name := range []string{"nothing", "unmount", "remove", "another", "twice", "deeper"} {
		if err := lose[name](); err != nil {
			t.Fatal(name, err)
		}
		if err := Pin(path, pid); err != nil {
			t.Fatal(name, err)
		}
		if got, err := PinInode(path); err != nil || got != want {
			t.Errorf("%s: pinned %d instead of %d, %v", name, got, want, err)
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if n := strings.Count(string(mounts), " "+path+" "); err != nil || n != 1 {
			t.Errorf("%s: %d mounts, %v", name, n, err)
		}
	}
	end()
	if err := Pin(path, pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such process: %v", err)
	}
	// The pin alone keeps it, with its links.
	if got, err := PinInode(path); err != nil || got != want {
		t.Errorf("pinned %d instead of %d, %v", got, want, err)
	}
	address := serve(t, path, "127.0.0.1:0")
	if conn, err := Dialer(path)(t.Context(), "tcp", address); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	if err := Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := Pin("/proc/kuke-test", os.Getpid()); err == nil {
		t.Error("no error where nothing can be made")
	}
	if err := Pin(path, 1<<30); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(fmt.Sprint(err), strconv.Itoa(1<<30)) {
		t.Errorf("no such process: %v", err)
	}
}
