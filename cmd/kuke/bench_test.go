package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	benchCells      = 10
	benchContainers = 2 * benchCells
	// runcParallelism is how many containers the reference starts at once; more is not faster on two processors.
	runcParallelism = 4
)

// BenchmarkCells takes cells of two containers up, does nothing, and takes them down, and reports each as a ratio to
// a reference measured in the same run: bare "runc run" of as many containers, and their "runc delete". That is the
// floor for whatever makes containers with runc; wall seconds are for orientation only.
func BenchmarkCells(b *testing.B) {
	dir := b.TempDir()
	defer removeEverything(b.Fatal)
	bundle := runcBundle(b, dir)
	config := filepath.Join(dir, "main.hcl")
	if err := os.WriteFile(config, []byte(cells(benchCells, "x")), 0o600); err != nil {
		b.Fatal(err)
	}
	var up, nothing, down, run, remove time.Duration
	for b.Loop() {
		benchKuke(b, "image", "import", "--realm", "crash", "--name", "busybox", os.Getenv("KUKE_TEST_ROOTFS"))
		up += benchKuke(b, "apply", "--auto-approve", "-f", config)
		nothing += benchKuke(b, "plan", "--detailed-exitcode", "-f", config)
		down += benchKuke(b, "destroy", "--auto-approve")
		run += benchRunc(b, func(i int) []string { return []string{"run", "-d", "--bundle", bundle, fmt.Sprint("bench", i)} })
		remove += benchRunc(b, func(i int) []string { return []string{"delete", "--force", fmt.Sprint("bench", i)} })
	}
	n := time.Duration(b.N)
	b.ReportMetric(up.Seconds()/run.Seconds(), "up/runc")
	b.ReportMetric(down.Seconds()/remove.Seconds(), "down/runc")
	b.ReportMetric(nothing.Seconds()/run.Seconds(), "nothing/runc")
	b.ReportMetric((up / n).Seconds(), "up-s")
	b.ReportMetric((nothing / n).Seconds(), "nothing-s")
	b.ReportMetric((down / n).Seconds(), "down-s")
	b.ReportMetric((run / n).Seconds(), "runc-s")
	b.ReportMetric(0, "ns/op")
}

func benchKuke(b *testing.B, args ...string) time.Duration {
	b.Helper()
	start := time.Now()
	if out, err := exec.Command("kuke", args...).CombinedOutput(); err != nil {
		b.Fatalf("kuke %v: %v\n%s", args, err, out)
	}
	return time.Since(start)
}

// benchRunc runs runc once for each container, some at a time.
func benchRunc(b *testing.B, args func(i int) []string) time.Duration {
	b.Helper()
	start := time.Now()
	var wg sync.WaitGroup
	slots := make(chan struct{}, runcParallelism)
	for i := range benchContainers {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			// Its output goes nowhere: a detached container would hold a pipe open.
			if err := exec.Command("runc", args(i)...).Run(); err != nil {
				b.Errorf("runc %v: %v", args(i), err)
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// runcBundle makes an OCI bundle whose container sleeps.
func runcBundle(b *testing.B, dir string) string {
	b.Helper()
	root := filepath.Join(dir, "bundle", "rootfs")
	if err := os.MkdirAll(root, 0o755); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command("tar", "-C", root, "-xf", os.Getenv("KUKE_TEST_ROOTFS")).CombinedOutput(); err != nil {
		b.Fatalf("unpack: %v\n%s", err, out)
	}
	bundle := filepath.Dir(root)
	if out, err := exec.Command("runc", "spec", "--bundle", bundle).CombinedOutput(); err != nil {
		b.Fatalf("runc spec: %v\n%s", err, out)
	}
	file := filepath.Join(bundle, "config.json")
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var spec map[string]any
	if err := json.Unmarshal(data, &spec); err != nil {
		b.Fatal(err)
	}
	process := spec["process"].(map[string]any)
	process["terminal"] = false
	process["args"] = []string{"/bin/sleep", "3600"}
	if data, err = json.Marshal(spec); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.Fatal(err)
	}
	return bundle
}
