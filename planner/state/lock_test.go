package state

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lockHelper, when set, makes the test binary another kuke command: "hold DIR" takes the lock and keeps it until
// its input ends; "contend DIR FILE N" takes and drops it N times and counts in FILE.
const lockHelper = "KUKE_TEST_LOCK"

func TestMain(m *testing.M) {
	if os.Getenv(lockHelper) == "" {
		os.Exit(m.Run())
	}
	if err := help(strings.Fields(os.Getenv(lockHelper))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func help(args []string) error {
	if args[0] == "contend" {
		var times int
		if _, err := fmt.Sscan(args[3], &times); err != nil {
			return err
		}
		return contend(args[1], args[2], times)
	}
	lock, err := Acquire(context.Background(), args[1], 0)
	if err != nil {
		return err
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return lock.Release()
}

// contend takes the lock again and again. Whoever is inside makes file and takes it away: two inside meet.
func contend(dir, file string, times int) error {
	const patience = time.Minute
	for range times {
		lock, err := Acquire(context.Background(), dir, patience)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("two hold the lock: %w", err)
		}
		if err := errors.Join(f.Close(), os.Remove(file), lock.Release()); err != nil {
			return err
		}
	}
	return nil
}

func helper(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), lockHelper+"="+strings.Join(args, " "))
	cmd.Stderr = os.Stderr
	return cmd
}

// holder starts another process that holds the lock of dir; release lets it go.
func holder(t *testing.T, dir string) (cmd *exec.Cmd, release func()) {
	t.Helper()
	cmd = helper(t, "hold", dir)
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "locked\n" {
		t.Fatalf("the other process said %q: %v", line, err)
	}
	return cmd, func() { _ = in.Close() }
}

func TestLockNamesItsHolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	cmd, _ := holder(t, dir)
	lock, err := Acquire(context.Background(), dir, 0)
	var locked *LockedError
	if lock != nil || !errors.As(err, &locked) || locked.Holder == nil {
		t.Fatalf("Acquire = %v, %v; want a LockedError with the holder", lock, err)
	}
	h := locked.Holder
	if h.PID != cmd.Process.Pid || h.Command != filepath.Base(cmd.Path) || h.User == "" || h.Since.IsZero() || locked.File != filepath.Join(dir, ".lock") {
		t.Errorf("%+v in %s", h, locked.File)
	}
	for _, part := range []string{fmt.Sprintf("pid %d", h.PID), h.Command, h.User, locked.File, "--lock-timeout"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if info, err := os.Stat(locked.File); err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("lock file: %v, %v", info.Mode(), err)
	}
}

func TestKilledHolderLeavesNoLock(t *testing.T) {
	dir := t.TempDir()
	cmd, _ := holder(t, dir)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	lock, err := Acquire(context.Background(), dir, 0)
	must(t, err)
	if h := readHolder(filepath.Join(dir, ".lock")); h == nil || h.PID != os.Getpid() {
		t.Errorf("holder %+v", h)
	}
	must(t, lock.Release())
}

func TestAcquireWaits(t *testing.T) {
	dir := t.TempDir()
	_, release := holder(t, dir)
	var wg sync.WaitGroup
	wg.Go(func() {
		lock, err := Acquire(context.Background(), dir, time.Minute)
		if err != nil {
			t.Error(err)
			return
		}
		if err := lock.Release(); err != nil {
			t.Error(err)
		}
	})
	release()
	wg.Wait()
}

func TestAcquireEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	holder(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if lock, err := Acquire(ctx, dir, time.Hour); lock != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Acquire = %v, %v", lock, err)
	}
}

func TestAcquireTimesOut(t *testing.T) {
	dir := t.TempDir()
	holder(t, dir)
	var locked *LockedError
	if lock, err := Acquire(context.Background(), dir, time.Millisecond); lock != nil || !errors.As(err, &locked) {
		t.Errorf("Acquire = %v, %v", lock, err)
	}
}

func TestHolderThatIsGoneIsNotNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".lock")
	for _, text := range []string{"", "{", `{"pid":2147483647,"command":"kuke apply"}`} {
		must(t, os.WriteFile(file, []byte(text), 0o640))
		if h := readHolder(file); h != nil {
			t.Errorf("%q: holder %+v", text, h)
		}
	}
	if msg := (&LockedError{File: file}).Error(); !strings.Contains(msg, file) {
		t.Errorf("message without a holder: %s", msg)
	}
	if msg := (&LockedError{File: file, Waited: time.Second}).Error(); !strings.Contains(msg, "the state is still locked after 1s") {
		t.Errorf("message after waiting: %s", msg)
	}
}

func TestReleaseTidiesUp(t *testing.T) {
	for _, recorded := range []bool{false, true} {
		dir := filepath.Join(t.TempDir(), "kukeon")
		lock, err := Acquire(context.Background(), dir, 0)
		must(t, err)
		if recorded {
			fill(t, dir, "main")
		}
		must(t, lock.Release())
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) == recorded {
			t.Errorf("recorded: %v, the directory: %v", recorded, err)
		}
	}
}

// Takers of the lock in many processes and goroutines are never inside at once, though the lock file, and the
// directory, come and go with each of them.
func TestLockRace(t *testing.T) {
	base := t.TempDir()
	dir, inside := filepath.Join(base, "kukeon"), filepath.Join(base, "inside")
	const processes, goroutines = 4, 4
	var cmds []*exec.Cmd
	for range processes {
		cmd := helper(t, "contend", dir, inside, "10")
		must(t, cmd.Start())
		cmds = append(cmds, cmd)
	}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			if err := contend(dir, inside, 10); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			t.Errorf("another process: %v", err)
		}
	}
}

// Without waiting a taker either has the lock or is told that it is locked: the directory that another one takes
// away under its hands is no error.
func TestLockRaceWithoutWaiting(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kukeon")
	var inside, taken atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				lock, err := Acquire(context.Background(), dir, 0)
				var locked *LockedError
				if errors.As(err, &locked) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				taken.Add(1)
				inside.Add(-1)
				if err := lock.Release(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if taken.Load() == 0 {
		t.Error("nobody ever had the lock")
	}
}
