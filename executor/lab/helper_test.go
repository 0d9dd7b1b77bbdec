package lab_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/executor/lab"
)

// envRole makes the test binary play a part: "outer" runs its arguments in a lab and can be killed,
// "inside" reports its view of a lab, "frozen" freezes a child of its own.
const envRole = "KUKE_LAB_TEST_ROLE"

// envMode is the cgroup mode of the outer role, envMeet a directory where several inside ones meet.
const (
	envMode = "KUKE_LAB_TEST_MODE"
	envMeet = "KUKE_LAB_TEST_MEET"
)

func TestMain(m *testing.M) {
	lab.Init()
	role := os.Getenv(envRole)
	_ = os.Unsetenv(envRole)
	switch role {
	case "outer":
		code, err := lab.Run(context.Background(), lab.Options{Cgroup: lab.CgroupMode(os.Getenv(envMode)), Command: os.Args[1:]})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(code)
	case "isolate":
		if err := isolateRole(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "inside":
		if err := reportView(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// requireLab skips the test where no lab can be had, which must not happen in CI.
func requireLab(t *testing.T) {
	t.Helper()
	if err := lab.Check(lab.Options{}); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("needs a lab: %v", err)
		}
		t.Skipf("needs a lab: %v", err)
	}
}

// view is the lab as seen by a process inside.
type view struct {
	Host      string
	Inside    bool
	PID1      string
	Version   string // of containerd
	CgroupFS  int64
	Own       string // cgroup of the process, of hierarchy 0
	Before    []string
	Passwd    bool
	Loopback  string
	Mounts    []string
	Hierarchy []string
}

// reportView looks around, leaves its marks where the lab must be private, and prints the view.
func reportView() error {
	v := view{Inside: lab.Inside()}
	v.Host, _ = os.Hostname()
	b, _ := os.ReadFile("/proc/1/comm")
	v.PID1 = strings.TrimSpace(string(b))
	client, err := containerd.New("/run/containerd/containerd.sock", containerd.WithTimeout(5*time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	version, err := client.Version(context.Background())
	if err != nil {
		return err
	}
	v.Version = version.Version
	var st unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &st); err != nil {
		return err
	}
	v.CgroupFS = st.Type
	b, _ = os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(b)) {
		if own, ok := strings.CutPrefix(line, "0::"); ok {
			v.Own = strings.TrimSpace(own)
		}
	}
	for _, dir := range marks() {
		for _, pattern := range []string{dir, dir + "/*"} {
			found, _ := filepath.Glob(pattern)
			v.Before = append(v.Before, found...)
		}
		if err := os.MkdirAll(dir+"/below", 0o755); err != nil {
			return err
		}
	}
	_, err = os.Stat("/etc/passwd")
	v.Passwd = err == nil
	b, _ = os.ReadFile("/sys/class/net/lo/flags")
	v.Loopback = strings.TrimSpace(string(b))
	v.Hierarchy, _ = filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if err := meet(os.Getenv(envMeet)); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(v)
}

// marks are directories that only the lab may see.
func marks() []string {
	dirs := []string{"/opt/kukeon/mark", "/opt/mark", "/etc/cni/mark", "/etc/mark", "/var/lib/containerd/mark", "/run/mark"}
	for _, dir := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory"} {
		if _, err := os.Stat(dir + "/cgroup.procs"); err == nil {
			dirs = append(dirs, dir+"/kukeon-mark")
		}
	}
	return dirs
}

// meet returns when three processes are there.
func meet(dir string) error {
	if dir == "" {
		return nil
	}
	f, err := os.CreateTemp(dir, "here")
	if err != nil {
		return err
	}
	defer f.Close()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if all, _ := filepath.Glob(dir + "/here*"); len(all) == 3 {
			return nil
		}
	}
	return errors.New("the other labs don't come")
}

// look runs the inside role in a lab.
func look(t *testing.T, o lab.Options, env ...string) view {
	t.Helper()
	o.Command = []string{executable(t)}
	o.Env = append(append(os.Environ(), envRole+"=inside"), env...)
	out, code, err := capture(t, o)
	if err != nil || code != 0 {
		t.Fatalf("Run = %d, %v; output: %s", code, err, out)
	}
	var v view
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatalf("output of the lab: %v: %s", err, out)
	}
	return v
}

// capture runs a lab and returns the output of its command.
func capture(t *testing.T, o lab.Options) (string, int, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		text <- string(b)
	}()
	o.Stdout, o.Stderr = w, w
	code, err := lab.Run(t.Context(), o)
	_ = w.Close()
	return <-text, code, err
}

func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

func executable(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// cgroupsOf lists the cgroups, in all hierarchies, of labs that a process started.
func cgroupsOf(pid int) []string {
	var out []string
	for _, pattern := range []string{"/sys/fs/cgroup/kuke-lab-%d-*", "/sys/fs/cgroup/*/kuke-lab-%d-*"} {
		found, _ := filepath.Glob(fmt.Sprintf(pattern, pid))
		out = append(out, found...)
	}
	return out
}

func mounts(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// eventually waits until there is nothing to complain about.
func eventually(t *testing.T, complaint func() string) {
	t.Helper()
	var last string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if last = complaint(); last == "" {
			return
		}
	}
	t.Fatal(last)
}
