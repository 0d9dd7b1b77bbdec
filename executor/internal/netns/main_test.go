package netns

import (
	"fmt"
	"os"
	"testing"

	"github.com/kukeon/kuke/executor/lab"
)

// TestMain runs the tests in a lab with cgroup v1, or v2 with KUKE_TEST_CGROUP=v2. Where no lab can be had, the tests
// that need one are skipped.
func TestMain(m *testing.M) {
	lab.Init()
	options := lab.Options{Cgroup: lab.Hybrid}
	if os.Getenv("KUKE_TEST_CGROUP") == "v2" {
		options.Cgroup = lab.Unified
	}
	if !lab.Inside() {
		err := lab.Check(options)
		if err == nil || os.Getenv("CI") == "true" {
			os.Exit(lab.ReExec(options))
		}
		fmt.Fprintf(os.Stderr, "the tests that need a lab are skipped: %v\n", err)
	}
	os.Exit(m.Run())
}

func needLab(t *testing.T) {
	t.Helper()
	if !lab.Inside() {
		t.Skip("needs a lab: root, containerd, runc and cgroups")
	}
}
