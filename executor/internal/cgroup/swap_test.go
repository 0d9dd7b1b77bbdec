package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
)

// A limit of memory bounds swap: in v2 apart from memory, in v1 together with it.
func TestSwapBound(t *testing.T) {
	const mib = 1 << 20
	for _, tc := range []struct {
		r      resource.Resources
		v1, v2 string
	}{
		{resource.Resources{}, "-1", "max"},
		{resource.Resources{Memory: 16 * mib}, "33554432", "16777216"},
		{resource.Resources{Memory: 16 * mib, MemorySwap: 16 * mib}, "16777216", "0"},
		{resource.Resources{Memory: 16 * mib, MemorySwap: 20 * mib}, "20971520", "4194304"},
		{resource.Resources{Memory: 16 * mib, MemorySwap: resource.Unlimited}, "-1", "max"},
		{resource.Resources{Memory: 1 << 62}, "-1", "max"},
	} {
		for mode, want := range map[string]string{V1: tc.v1, V2: tc.v2} {
			tree := &Tree{mode: mode}
			if got := tree.swapSetting(&tc.r); got.value != want || got.wanted != (tc.r.MemorySwap > 0) {
				t.Errorf("%s: %+v is %+v, want %s", mode, tc.r, got, want)
			}
		}
	}
}

// Where the kernel doesn't account for swap, a bound that was asked for is refused, and the default left out.
func TestNoSwapAccounting(t *testing.T) {
	for mode, files := range map[string][]string{V1: {memswLimit, "kukeon/" + memswLimit}, V2: {"kukeon/" + swapMax}} {
		root := t.TempDir()
		tree := fake(t, root, mode)
		for _, file := range files {
			if err := os.Remove(filepath.Join(root, file)); err != nil {
				t.Fatal(err)
			}
		}
		if tree.Controllers()[swapController] {
			t.Errorf("%s: swap is accounted for", mode)
		}
		for _, r := range []resource.Resources{{Memory: 1 << 20}, {Memory: 1 << 20, MemorySwap: resource.Unlimited}} {
			if err := tree.SetLimits("/kukeon", &r); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
			got, err := tree.Limits("/kukeon")
			if want := (resource.Resources{Memory: 1 << 20}); got != want || tree.Canonical(r) != want || err != nil {
				t.Errorf("%s: got %+v, promised %+v, %v", mode, got, tree.Canonical(r), err)
			}
			if oci, err := tree.ContainerResources(&r, true); err != nil || oci.Memory.Swap != nil {
				t.Errorf("%s: OCI memory %+v, %v", mode, oci, err)
			}
		}
		if err := tree.SetLimits("/kukeon", &resource.Resources{Memory: 1 << 20, MemorySwap: 2 << 20}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: error %v", mode, err)
		}
	}
}

// A limit of swap alone is seen, although kuke never sets one.
func TestSwapAlone(t *testing.T) {
	root := t.TempDir()
	tree := fake(t, root, V2)
	for text, want := range map[string]int64{"max": 0, "0": 1, "4096": 4096} {
		if err := os.WriteFile(filepath.Join(root, "kukeon", swapMax), []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := tree.Limits("/kukeon"); got != (resource.Resources{MemorySwap: want}) || err != nil {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

// The kernel of v1 takes no limit of memory above that of both: raising begins with the one, lowering with the other.
func TestOrderInV1(t *testing.T) {
	root := t.TempDir()
	tree := fake(t, root, V1)
	for _, tc := range []struct {
		now   string
		r     resource.Resources
		first string
	}{
		{"9223372036854771712", resource.Resources{Memory: 1 << 20}, "memory"},
		{"33554432", resource.Resources{Memory: 32 << 20}, "memorySwap"},
		{"33554432", resource.Resources{Memory: 16 << 20}, "memorySwap"},
		{"33554432", resource.Resources{Memory: 8 << 20}, "memory"},
		{"33554432", resource.Resources{Memory: 32 << 20, MemorySwap: resource.Unlimited}, "memorySwap"},
		{"33554432", resource.Resources{}, "memorySwap"},
	} {
		if err := os.WriteFile(filepath.Join(root, "kukeon", memswLimit), []byte(tc.now+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		settings := tree.settings(&tc.r)
		ordered, err := tree.inOrder("/kukeon", settings)
		if err != nil || len(ordered) != len(settings) || ordered[0].field != tc.first {
			t.Errorf("%s, then %+v: %+v, %v", tc.now, tc.r, ordered, err)
		}
	}
}

// Memory above the new limit may be swapped out, if the new limits allow it; refused limits change nothing.
func TestRoomInSwap(t *testing.T) {
	for _, tc := range []struct {
		before string
		r      resource.Resources
		used   string
		after  string
		err    error
	}{
		{"0", resource.Resources{Memory: 4 << 20, MemorySwap: 12 << 20}, "3000000", "0", nil},
		{"0", resource.Resources{Memory: 4 << 20, MemorySwap: 12 << 20}, "5000000", "8388608", nil},
		{"0", resource.Resources{Memory: 4 << 20, MemorySwap: resource.Unlimited}, "5000000", "max", nil},
		{"0", resource.Resources{Memory: 4 << 20, MemorySwap: 12 << 20}, "50000000", "0", unix.EBUSY},
		{"max", resource.Resources{Memory: 4 << 20}, "5000000", "max", nil},
	} {
		root := t.TempDir()
		tree := fake(t, root, V2)
		for file, text := range map[string]string{swapMax: tc.before, "memory.current": tc.used, "memory.stat": "inactive_file 2000000\n"} {
			if err := os.WriteFile(filepath.Join(root, "kukeon", file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := tree.MakeRoom("/kukeon", &tc.r); !errors.Is(err, tc.err) {
			t.Errorf("%+v: %v", tc, err)
		}
		// A plain file keeps the end of the longer text before.
		if got, err := os.ReadFile(filepath.Join(root, "kukeon", swapMax)); err != nil || string(got[:len(tc.after)]) != tc.after {
			t.Errorf("%+v: swap is bounded to %s, %v", tc, got, err)
		}
	}
}
