package cgroup

import (
	"os"
	"testing"

	"github.com/kukeon/kuke/executor/lab"
)

func TestMain(m *testing.M) {
	lab.Init()
	if !lab.Inside() {
		if code, done := lab.ReExec(lab.Hybrid, lab.Unified); done {
			os.Exit(code)
		}
	}
	os.Exit(m.Run())
}

func needLab(t *testing.T) {
	t.Helper()
	if !lab.Inside() {
		t.Skip("needs a lab: root, containerd, runc and cgroups")
	}
}
