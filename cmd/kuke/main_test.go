package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kukeon/kuke/cmd/kuke/session"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/executor/lab"
	"github.com/kukeon/kuke/executor/lab/busybox"
	"github.com/kukeon/kuke/executor/lab/registry"
)

// rootfs is the tar of a root file system with the host's busybox, made once.
var rootfs string

// TestMain runs all tests of this package in a lab, once with cgroup v2 and, where the host has v1
// controllers, once in hybrid mode.
func TestMain(m *testing.M) {
	executor.Init()
	lab.Init()
	session.Init()
	if !lab.Inside() {
		os.Exit(runInLabs())
	}
	// The scripts share one host: one at a time.
	testscript.Main(m, map[string]func(){"kuke": main})
}

// beforeLabs are the preparations of tests that need the network of this machine, which labs don't reach.
var beforeLabs []func() error

// testProject is the project of all scripts that name no other, whatever their directories are called. A script for
// projects that have the names of their directories empties KUKE_PROJECT.
const testProject = "default"

func runInLabs() int {
	dir, err := os.MkdirTemp("", "kuke-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := busybox.WriteFile(filepath.Join(dir, "rootfs.tar")); err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: make a root file system:", err)
		return 1
	}
	for _, prepare := range beforeLabs {
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, "FAIL:", err)
			return 1
		}
	}
	os.Setenv("KUKE_TEST_ROOTFS", filepath.Join(dir, "rootfs.tar"))
	os.Setenv("KUKE_PROJECT", testProject)
	modes := []lab.CgroupMode{lab.Unified, lab.Hybrid}
	if os.Getenv("KUKE_TEST_CONTAINERD") != "" {
		// The cgroup mode matters to runc and to kuke, not to containerd, and both runs take the longest of all packages.
		modes = modes[:1]
	}
	code, _ := lab.ReExec(modes...)
	return code
}

func params(t *testing.T, dir string) testscript.Params {
	if testing.Short() {
		t.Skip("-short: these tests run real containers")
	}
	rootfs = os.Getenv("KUKE_TEST_ROOTFS")
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			checkLab(env.T())
			env.Setenv("KUKE_LAB", os.Getenv("KUKE_LAB"))
			env.Setenv("ROOTFS", rootfs)
			env.Setenv("KUKE_PROJECT", testProject)
			env.Setenv("EXAMPLES", examples)
			env.Values[registryKey{}] = new(*registry.Server)
			before := mountPoints(env.T().Fatal)
			env.Defer(func() {
				repairHost(before, env.T().Fatal)
				removeEverything(env.T().Fatal)
			})
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"busybox": importBusybox, "image": importImage, "eventually": eventually, "clean": clean, "exits": exits, "in": inContainer, "reboot": reboot, "meddle": meddle,
			"sshd": startSSHD, "emptybin": emptyBin, "job": job, "messages": messages, "terraform": terraformReads,
			"dns":      serveDNS,
			"registry": startRegistry, "nopassword": noPassword,
			"flaky": flakyRegistry, "journal": startJournal,
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "limits":
				return lab.Mode() == lab.Hybrid || hasMemoryController(), nil
			case "static":
				return static(), nil
			}
			return false, fmt.Errorf("no such condition: %s", cond)
		},
	}
}

// static reports whether this program runs in containers: without cgo it needs no libraries.
func static() bool {
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		return false
	}
	defer f.Close()
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

func hasMemoryController() bool {
	data, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	return err == nil && strings.Contains(string(data), "memory")
}

// oneByOne makes the scripts wait for each other: they share one host.
type oneByOne struct{ *testing.T }

func (oneByOne) Parallel() {}

func (t oneByOne) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) {
		defer diagnose(t)
		f(oneByOne{t})
	})
}

func (t oneByOne) Verbose() bool { return testing.Verbose() }

// TestScripts runs the scripts for which the cgroup mode makes no difference, and therefore in one mode only.
func TestScripts(t *testing.T) {
	if lab.Mode() == lab.Unified {
		testscript.RunT(oneByOne{t}, params(t, "testdata/script"))
	}
}

// TestCgroupScripts runs in every mode the scripts about processes and cgroups.
func TestCgroupScripts(t *testing.T) { testscript.RunT(oneByOne{t}, params(t, "testdata/cgroup")) }

// TestModeScripts runs what holds in one cgroup mode only.
func TestModeScripts(t *testing.T) {
	testscript.RunT(oneByOne{t}, params(t, "testdata/"+string(lab.Mode())))
}

// importBusybox is the command: busybox REALM [NAME].
func importBusybox(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: busybox REALM [NAME]")
	}
	name := "busybox"
	if len(args) > 1 {
		name = args[1]
	}
	ts.Check(ts.Exec("kuke", "image", "import", "--realm", args[0], "--name", name, rootfs))
}

// importImage is the command: image REALM NAME CONFIG; it imports busybox as an image whose config has the content of the file
// CONFIG, see [busybox.WriteImage].
func importImage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: image REALM NAME CONFIG")
	}
	archive := ts.MkAbs(args[2] + ".image.tar")
	ts.Check(busybox.WriteImageFile(archive, json.RawMessage(ts.ReadFile(args[2]))))
	ts.Check(ts.Exec("kuke", "image", "import", "--realm", args[0], "--name", args[1], archive))
}

// eventually is the command: eventually PROGRAM [ARG ...], or eventually in …; it runs it until it exits with 0.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	// containerd looks after what has ended every ten seconds.
	const patience = 30 * time.Second
	deadline := time.Now().Add(patience)
	for {
		err := execIn(ts, args)
		if (err != nil) == neg {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v still ends with %v", args, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// exits is the command: exits CODE PROGRAM [ARG ...].
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG ...]")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%v: %v", args, err)
		}
		code = exit.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("%v exited with %d, want %s", args[1:], code, args[0])
	}
}

// inContainer is the command: in REALM ID PROGRAM [ARG ...]; it runs the program in a container, by its id in containerd.
func inContainer(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: in REALM ID PROGRAM [ARG ...]")
	}
	if err := execIn(ts, append([]string{"in"}, args...)); (err != nil) != neg {
		ts.Fatalf("%v ended with: %v", args, err)
	}
}

// execIn runs a program of the host, or, as in REALM ID PROGRAM [ARG ...], one in a container.
func execIn(ts *testscript.TestScript, args []string) error {
	if args[0] != "in" {
		return ts.Exec(args[0], args[1:]...)
	}
	// ctr exec gives up what a command printed last when the host is busy.
	path := args[1] + "/" + strings.ReplaceAll(args[2], "_", "/")
	return ts.Exec("kuke", append([]string{"exec", path}, args[3:]...)...)
}

// clean is the command: clean; it fails if kuke left anything on the host.
func clean(ts *testscript.TestScript, neg bool, _ []string) {
	left := leftovers()
	if neg == (left == "") {
		ts.Fatalf("left on the host: %q", left)
	}
}

// removeEverything gives the next script a clean host, also after a failed one.
func removeEverything(fatal func(...any)) {
	for _, project := range recordedProjects(fatal) {
		cmd := exec.Command("kuke", "destroy", "--auto-approve", "--volumes", "--project", project)
		if out, err := cmd.CombinedOutput(); err != nil {
			fatal("clean up: ", err, "\n", string(out))
		}
	}
	// What was made by hand belongs to no project.
	if out, _ := exec.Command("kuke", "get", "realms", "-o", "name").Output(); len(out) > 0 {
		args := append([]string{"delete", "realm", "--cascade"}, strings.Fields(string(out))...)
		if out, err := exec.Command("kuke", args...).CombinedOutput(); err != nil {
			fatal("clean up: ", err, "\n", string(out))
		}
	}
	if out, _ := exec.Command("kuke", "get", "volumes", "-o", "name").Output(); len(out) > 0 {
		args := append([]string{"delete"}, strings.Fields(string(out))...)
		if out, err := exec.Command("kuke", args...).CombinedOutput(); err != nil {
			fatal("clean up: ", err, "\n", string(out))
		}
	}
	out, _ := exec.Command("ctr", "namespaces", "ls", "-q").Output()
	for _, ns := range strings.Fields(string(out)) {
		removeNamespace(ns)
	}
	removeHistory(fatal)
	if left := leftovers(); left != "" {
		fatal("a script left behind:\n", left)
	}
}

// recordedProjects returns the projects that the state knows, and those that an interrupted apply of a script can be of.
func recordedProjects(fatal func(...any)) []string {
	out, err := exec.Command("kuke", "state", "pull").Output()
	var st struct {
		Resources []struct {
			Status struct{ Project string }
		}
	}
	if err == nil {
		err = json.Unmarshal(out, &st)
	}
	if err != nil {
		fatal("clean up: ", err)
	}
	projects := map[string]bool{testProject: true, "other": true}
	for _, r := range st.Resources {
		if r.Status.Project != "" {
			projects[r.Status.Project] = true
		}
	}
	return slices.Sorted(maps.Keys(projects))
}

// removeNamespace takes away a namespace that only an image import made.
func removeNamespace(ns string) {
	out, _ := exec.Command("ctr", "-n", ns, "images", "ls", "-q").Output()
	for _, image := range strings.Fields(string(out)) {
		_ = exec.Command("ctr", "-n", ns, "images", "rm", "--sync", image).Run()
	}
	for range 50 {
		out, _ := exec.Command("ctr", "-n", ns, "leases", "ls", "-q").Output()
		for _, lease := range strings.Fields(string(out)) {
			_ = exec.Command("ctr", "-n", ns, "leases", "rm", lease).Run()
		}
		if exec.Command("ctr", "namespaces", "rm", ns).Run() == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
