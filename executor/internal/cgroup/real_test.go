package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func open(t *testing.T) *Tree {
	t.Helper()
	needLab(t)
	tree, err := Open("/sys/fs/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("mode %s, controllers %v, io weight in %q", tree.Mode(), tree.Controllers(), tree.weight.file)
	t.Cleanup(func() {
		if err := tree.Remove("/kukeon"); err != nil {
			t.Error(err)
		}
	})
	return tree
}

func create(t *testing.T, tree *Tree, cgroup string, r *resource.Resources) {
	t.Helper()
	if err := tree.Create(cgroup, r); err != nil {
		t.Fatal(err)
	}
}

// leaf makes a cgroup that takes processes, as that of a container: in v2 nothing is let into one whose children may have
// limits.
func leaf(t *testing.T, tree *Tree, cgroup string) string {
	t.Helper()
	if tree.Mode() == V1 {
		create(t, tree, cgroup, nil)
		return cgroup
	}
	create(t, tree, path.Dir(cgroup), nil)
	if err := os.Mkdir(filepath.Join(tree.root, cgroup), 0o755); err != nil {
		t.Fatal(err)
	}
	return cgroup
}

// enter moves the process into the cgroup.
func enter(t *testing.T, tree *Tree, cgroup string, process *os.Process) {
	t.Helper()
	for _, dir := range tree.own() {
		if err := os.WriteFile(filepath.Join(dir, cgroup, "cgroup.procs"), []byte(strconv.Itoa(process.Pid)), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// supported returns r with only those limits that this host can enforce.
func supported(tree *Tree, r resource.Resources) resource.Resources {
	have := tree.Controllers()
	if !have["memory"] {
		r.Memory = 0
	}
	if !have[swapController] && r.MemorySwap > 0 {
		r.MemorySwap = 0
	}
	if !have["memory"] {
		r.MemorySwap = 0
	}
	if !have["cpu"] {
		r.CPUs, r.CPUWeight = 0, 0
	}
	if !have["pids"] {
		r.PIDs = 0
	}
	if !have["io"] {
		r.IOWeight = 0
	}
	return r
}

func TestCreateLimitsRemove(t *testing.T) {
	tree := open(t)
	const cell = "/kukeon/main/default/blog/web"
	if exists, err := tree.Exists(cell); exists || err != nil {
		t.Fatalf("exists %v, %v", exists, err)
	}
	if _, err := tree.Limits(cell); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("limits of nothing: %v", err)
	}
	create(t, tree, cell, nil)
	create(t, tree, cell, nil)
	if exists, err := tree.Exists(cell); !exists || err != nil {
		t.Fatalf("exists %v, %v", exists, err)
	}
	for _, r := range []resource.Resources{
		{},
		{Memory: 64<<20 + 5, CPUs: 0.57, CPUWeight: 39, PIDs: 33, IOWeight: 55},
		{Memory: 32 << 20, CPUs: 1.5, CPUWeight: 10000, PIDs: 4194304, IOWeight: 9999},
		{Memory: 1 << 40, CPUs: 0.01, CPUWeight: 1, PIDs: 1, IOWeight: 1},
		{Memory: 16 << 20, MemorySwap: 16 << 20},
		{Memory: 64 << 20, MemorySwap: 100 << 20},
		{Memory: 20 << 20, MemorySwap: resource.Unlimited},
		{Memory: 8 << 20},
		{CPUWeight: 100, IOWeight: 100},
		{},
	} {
		r = supported(tree, r)
		if err := tree.SetLimits(cell, &r); err != nil {
			t.Fatal(err)
		}
		got, err := tree.Limits(cell)
		if err != nil {
			t.Fatal(err)
		}
		if want := tree.Canonical(r); got != want {
			t.Errorf("set %+v: the kernel holds %+v, promised %+v", r, got, want)
		}
	}
	children, err := tree.Children("/kukeon/main")
	if err != nil || fmt.Sprint(children) != "[default]" {
		t.Errorf("children %v, %v", children, err)
	}
	for range 2 {
		if err := tree.Remove("/kukeon/main"); err != nil {
			t.Fatal(err)
		}
	}
	if exists, err := tree.Exists("/kukeon/main"); exists || err != nil {
		t.Fatalf("exists %v, %v", exists, err)
	}
	if _, err := tree.Children("/kukeon/main"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("children of nothing: %v", err)
	}
}

func TestCPUsWithinParents(t *testing.T) {
	tree := open(t)
	if tree.Mode() != V1 {
		return // a rule of cgroup v1: the run in hybrid mode tests it
	}
	create(t, tree, "/kukeon/main", &resource.Resources{CPUs: 0.5})
	err := tree.Create("/kukeon/main/default", &resource.Resources{CPUs: 1})
	if err == nil || !strings.Contains(err.Error(), "cgroup v1 allows no limit above") {
		t.Errorf("error %v", err)
	}
}

func TestRemoveWithProcesses(t *testing.T) {
	tree := open(t)
	cgroup := leaf(t, tree, "/kukeon/main/default")
	sleep := exec.Command("sleep", "100")
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	enter(t, tree, cgroup, sleep.Process)
	err := tree.Remove("/kukeon/main")
	if err == nil || !strings.Contains(err.Error(), "1 processes are still in /kukeon/main/default") {
		t.Errorf("error %v", err)
	}
	if exists, _ := tree.Exists(cgroup); !exists {
		t.Error("a part was removed")
	}
	if err := sleep.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = sleep.Wait() }()
	if err := tree.Remove("/kukeon/main"); err != nil {
		t.Error(err)
	}
}

func TestManyAtOnce(t *testing.T) {
	tree := open(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			name := fmt.Sprintf("/kukeon/main/default/blog/c%d", i)
			r := supported(tree, resource.Resources{PIDs: 10})
			if err := tree.Create(name, &r); err != nil {
				t.Error(err)
			}
			if i%2 == 0 {
				if err := tree.Remove(name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	children, err := tree.Children("/kukeon/main/default/blog")
	if err != nil || len(children) != 8 {
		t.Errorf("children %v, %v", children, err)
	}
}
