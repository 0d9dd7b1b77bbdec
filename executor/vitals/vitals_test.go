package vitals

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

func useTempDir(t *testing.T) {
	t.Helper()
	before := base
	t.Cleanup(func() { base = before })
	base = filepath.Join(t.TempDir(), "kukeon", "health")
}

// TestKeep publishes the health of containers as long as the keeper lives, and has another wait for it.
func TestKeep(t *testing.T) {
	useTempDir(t)
	lineage := uuid.NewString()
	keeper, err := Keep(t.Context(), lineage, func() { t.Error("the first has to wait") })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Read(lineage); err != nil || got == nil || len(got.Containers) > 0 {
		t.Errorf("before the first: %v, %v", got, err)
	}
	const p = resource.Path("main/s/t/c/web")
	if err := keeper.Publish(Published{Containers: map[resource.Path]*plan.HealthStatus{p: {State: "healthy", PID: 7}}}); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(lineage); err != nil || got.Containers[p] == nil || got.Containers[p].PID != 7 {
		t.Errorf("published: %v, %v", got, err)
	}
	brief, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	waited := false
	if _, err := Keep(brief, lineage, func() { waited = true }); !errors.Is(err, context.DeadlineExceeded) || !waited {
		t.Errorf("the second ends with %v, and has waited: %t", err, waited)
	}
	// As the kernel does when the process is killed.
	if err := keeper.lock.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(lineage); got != nil || err != nil {
		t.Errorf("of a killed process: %v, %v", got, err)
	}
	if err := TidyUp(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(base, lineage)); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
}

// TestReadNothing has no health to tell of a state that has none.
func TestReadNothing(t *testing.T) {
	useTempDir(t)
	for _, lineage := range []string{"", "../..", uuid.NewString()} {
		if got, err := Read(lineage); got != nil || err != nil {
			t.Errorf("%q: %v, %v", lineage, got, err)
		}
	}
}
