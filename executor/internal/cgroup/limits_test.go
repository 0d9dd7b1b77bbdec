package cgroup

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
)

// fake returns a tree of plain files that imitates a kernel with every controller.
func fake(t interface{ Fatal(...any) }, root, mode string) *Tree {
	tree := &Tree{root: root, mode: mode, dirs: map[string]string{}, hierarchies: []string{root}}
	for _, name := range []string{"memory", "cpu", "cpuset", "pids", "io", "blkio"} {
		tree.dirs[name] = root
	}
	tree.weight = weightFiles[mode][0].weightFile
	if mode == V1 {
		tree.weight = weightFiles[mode][1].weightFile
	}
	dir := filepath.Join(root, "kukeon")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, s := range tree.settings(nil) {
		if err := os.WriteFile(filepath.Join(dir, s.file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if mode == V1 {
		if err := os.WriteFile(filepath.Join(root, memswLimit), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

var genResources = rapid.Custom(func(t *rapid.T) resource.Resources {
	orZero := func(name string, low, high int64) int64 {
		return rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(low, high)).Draw(t, name)
	}
	memory, swap := orZero("memory", 1<<20, 1<<50), int64(0)
	if memory != 0 {
		swap = rapid.OneOf(rapid.SampledFrom([]int64{0, resource.Unlimited, memory}), rapid.Int64Range(memory, 1<<50)).Draw(t, "memorySwap")
	}
	return resource.Resources{
		Memory: memory, MemorySwap: swap, MemoryReservation: orZero("memoryReservation", 1<<20, 1<<50),
		CPUs:      rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.01, 8192)).Draw(t, "cpus"),
		CPUWeight: orZero("cpuWeight", 1, 10000),
		PIDs:      orZero("pids", 1, 4194304),
		IOWeight:  orZero("ioWeight", 1, 10000),
	}
})

// The limits read back are those of Canonical, and Canonical does not change its own result.
func TestReadBackIsCanonical(t *testing.T) {
	for _, mode := range []string{V1, V2} {
		t.Run(mode, func(t *testing.T) {
			root := t.TempDir()
			tree := fake(t, root, mode)
			rapid.Check(t, func(t *rapid.T) {
				want := genResources.Draw(t, "resources")
				if mode == V2 { // in v1 a set is compared with that of the cgroup above
					want.CPUSet, want.CPUSetMems = rapid.SampledFrom([]string{"", "0", "0-3,8"}).Draw(t, "cpuset"), rapid.SampledFrom([]string{"", "0"}).Draw(t, "cpusetMems")
				}
				// The kernel writes shorter values over longer ones; plain files must be emptied.
				tree := fake(t, root, tree.mode)
				if err := tree.SetLimits("/kukeon", &want); err != nil {
					t.Fatal(err)
				}
				got, err := tree.Limits("/kukeon")
				if err != nil {
					t.Fatal(err)
				}
				canonical := tree.Canonical(want)
				// A plain file doesn't round; the limit of swap is rounded before it is written.
				if got.MemorySwap != resource.Unlimited && mode == V2 {
					got.MemorySwap -= got.Memory - wholePages(got.Memory)
				}
				got.Memory, got.MemoryReservation = wholePages(got.Memory), wholePages(got.MemoryReservation)
				if got != canonical {
					t.Fatalf("set %+v: read back %+v, promised %+v", want, got, canonical)
				}
				if again := tree.Canonical(canonical); again != canonical {
					t.Fatalf("canonical %+v becomes %+v", canonical, again)
				}
			})
		})
	}
}

func TestCPUWeightSurvivesShares(t *testing.T) {
	for weight := int64(1); weight <= 10000; weight++ {
		if got := weightOfShares(int64(shares(weight))); got != weight {
			t.Fatalf("weight %d is %d shares, which is weight %d", weight, shares(weight), got)
		}
	}
	if shares(0) != shares(100) {
		t.Errorf("an explicit default is %d shares, the default %d", shares(100), shares(0))
	}
}

func TestScales(t *testing.T) {
	for w := int64(1); w <= 10000; w++ {
		if b := toBFQ(w); b < 1 || b > 1000 || toBFQ(fromBFQ(b)) != b {
			t.Fatalf("io weight %d: bfq %d, back %d", w, b, fromBFQ(b))
		}
		if c := toCFQ(w); c < 10 || c > 1000 {
			t.Fatalf("io weight %d: cfq %d", w, c)
		}
	}
}

func TestNumber(t *testing.T) {
	for in, want := range map[string]int64{
		"max": 0, "-1": 0, "": 0, "9223372036854771712": 0, "9223372036854775807": 0, "4096": 4096, "0": 0,
	} {
		if got := number(in); got != want {
			t.Errorf("number(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestMissingController(t *testing.T) {
	tree := &Tree{root: t.TempDir(), mode: V2, dirs: map[string]string{}}
	err := tree.SetLimits("/kukeon", &resource.Resources{Memory: 1 << 20, CPUWeight: 5, IOWeight: 7})
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
	if err := tree.SetLimits("/kukeon", nil); err != nil {
		t.Errorf("no limits need no controllers: %v", err)
	}
	if _, err := tree.ContainerResources(&resource.Resources{PIDs: 5}, false); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// Somebody takes a controller away from a cgroup of v2: its files are gone, and with them the limit.
func TestControllerTakenAway(t *testing.T) {
	root := t.TempDir()
	tree := fake(t, root, V2)
	if err := tree.SetLimits("/kukeon", &resource.Resources{Memory: 1 << 20, PIDs: 5, CPUs: 0.5}); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"pids.max", "cpu.max", "cpu.weight"} {
		if err := os.Remove(filepath.Join(root, "kukeon", file)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := tree.Limits("/kukeon")
	if want := (resource.Resources{Memory: 1 << 20, MemorySwap: 2 << 20}); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if err := os.RemoveAll(filepath.Join(root, "kukeon")); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Limits("/kukeon"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("limits of nothing: %v", err)
	}
}

// Where the tree begins in a cgroup with processes, as in many a container, its children get no more than they have.
func TestProcessesInTheRoot(t *testing.T) {
	root := t.TempDir()
	for file, text := range map[string]string{
		"cgroup.controllers": "cpu memory pids", "cgroup.subtree_control": "pids", "cgroup.type": "domain", "cgroup.procs": "1\n",
	} {
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have := func() map[string]bool {
		tree := &Tree{root: root, dirs: map[string]string{}}
		if err := tree.openV2(); err != nil {
			t.Fatal(err)
		}
		if err := tree.delegate(root); err != nil {
			t.Fatal(err)
		}
		return tree.Controllers()
	}
	if got := have(); got["memory"] || got["cpu"] || !got["pids"] {
		t.Errorf("controllers %v", got)
	}
	if enabled, err := os.ReadFile(filepath.Join(root, "cgroup.subtree_control")); err != nil || string(enabled) != "pids" {
		t.Errorf("enabled: %s, %v", enabled, err)
	}
	if err := os.WriteFile(filepath.Join(root, "cgroup.procs"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := have(); !got["memory"] || !got["cpu"] || !got["pids"] {
		t.Errorf("controllers without the process: %v", got)
	}
}

func TestDelegate(t *testing.T) {
	root := t.TempDir()
	tree := fake(t, root, V2)
	enabled := map[string]string{"": "cpuset cpu memory pids", "kukeon": "memory"}
	for dir, controllers := range enabled {
		for file, text := range map[string]string{"cgroup.controllers": "cpuset cpu memory pids rdma", "cgroup.subtree_control": controllers} {
			if err := os.WriteFile(filepath.Join(root, dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := tree.Delegate("/kukeon/main"); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"": enabled[""], "kukeon": "+cpuset +cpu +pids"} {
		if got, err := os.ReadFile(filepath.Join(root, dir, "cgroup.subtree_control")); err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v, want %q", dir, got, err, want)
		}
	}
}

// Kernels without memory.reclaim: page cache counts as reclaimable, and no process is killed for the rest.
func TestMemoryInUse(t *testing.T) {
	root := t.TempDir()
	tree := fake(t, root, V2)
	for file, text := range map[string]string{
		"memory.current": "50000000\n", "memory.stat": "anon 20000000\ninactive_file 20000000\nactive_file 8000000\nslab_reclaimable 1000000\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "kukeon", file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int64]error{60000000: nil, 21000000: nil, 20999999: unix.EBUSY, 0: nil} {
		if err := tree.SetLimits("/kukeon", &resource.Resources{Memory: limit}); !errors.Is(err, want) {
			t.Errorf("limit %d: %v, want %v", limit, err, want)
		}
	}
}

func TestPathsOfOthers(t *testing.T) {
	tree := fake(t, t.TempDir(), V2)
	for _, p := range []string{"", "/", "kukeon", "/kukeon/", "/kukeon/..", "/../x", "//kukeon"} {
		if err := tree.Remove(p); err == nil {
			t.Errorf("Remove(%q) is allowed", p)
		}
		if err := tree.Create(p, nil); err == nil {
			t.Errorf("Create(%q) is allowed", p)
		}
		if err := tree.Delegate(p); err == nil {
			t.Errorf("Delegate(%q) is allowed", p)
		}
	}
}

func TestContainerResources(t *testing.T) {
	full := resource.Resources{Memory: 64 << 20, CPUs: 0.5, CPUWeight: 200, PIDs: 10, IOWeight: 300, MemoryReservation: 32 << 20, CPUSet: "0-1", CPUSetMems: "0"}
	for _, tc := range []struct {
		mode  string
		r     resource.Resources
		reset bool
		want  string
	}{
		{V1, full, false, `{"memory":{"limit":67108864,"reservation":33554432,"swap":134217728},"cpu":{"shares":2048,"quota":50000,"period":100000,"cpus":"0-1","mems":"0"},"pids":{"limit":10},"blockIO":{"weight":118}}`},
		{V1, resource.Resources{}, false, `{}`},
		{V1, resource.Resources{}, true, `{"memory":{"limit":-1,"reservation":-1,"swap":-1},"cpu":{"shares":1024,"quota":-1,"period":100000},"pids":{"limit":-1},"blockIO":{"weight":100}}`},
		{V2, full, false, `{"memory":{"limit":67108864,"swap":134217728},"cpu":{"quota":50000,"period":100000},"pids":{"limit":10},"unified":{"cpu.weight":"200","cpuset.cpus":"0-1","cpuset.mems":"0","io.weight":"default 300","memory.low":"33554432"}}`},
		{V2, resource.Resources{}, true, `{"memory":{"limit":-1,"swap":-1},"cpu":{"quota":-1,"period":100000},"pids":{"limit":-1},"unified":{"cpu.weight":"100","cpuset.cpus":"\n","cpuset.mems":"\n","io.weight":"default 100","memory.low":"0"}}`},
		{V2, resource.Resources{Memory: 5<<20 + 1, MemorySwap: 8 << 20}, false, `{"memory":{"limit":5242881,"swap":8388609}}`},
		{V1, resource.Resources{Memory: 5 << 20, MemorySwap: 5 << 20}, false, `{"memory":{"limit":5242880,"swap":5242880}}`},
		{V2, resource.Resources{Memory: 5 << 20, MemorySwap: resource.Unlimited}, false, `{"memory":{"limit":5242880,"swap":-1}}`},
	} {
		got, err := fake(t, t.TempDir(), tc.mode).ContainerResources(&tc.r, tc.reset)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if string(data) != tc.want {
			t.Errorf("%s, reset %v:\n got %s\nwant %s", tc.mode, tc.reset, data, tc.want)
		}
	}
}

func TestQuotaRounds(t *testing.T) {
	for _, cpus := range []float64{0.01, 0.1, 0.29, 0.57, 1.15, 2.3} {
		if got := float64(quota(cpus)) / periodUs; math.Abs(got-cpus) > 1e-9 {
			t.Errorf("%v processors become %v", cpus, got)
		}
	}
}
