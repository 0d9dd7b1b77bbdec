package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// BenchmarkReplacement changes a variable of a container, which replaces it, and reports for how long no container runs: from
// the end of the old one's task to the start of the new one's, as containerd tells. The reference of the same run is what
// "runc kill", "runc delete" and "runc run" of one container take. The root container takes the network of its cell along.
func BenchmarkReplacement(b *testing.B) {
	for _, name := range []string{"root", "side"} {
		b.Run(name, func(b *testing.B) { benchReplacement(b, name) })
	}
}

func benchReplacement(b *testing.B, name string) {
	dir := b.TempDir()
	defer removeEverything(b.Fatal)
	bundle := runcBundle(b, dir)
	config := filepath.Join(dir, "main.hcl")
	change := func(value int) {
		before, after, _ := strings.Cut(cells(1, "x"), strconv.Quote(name))
		after = strings.Replace(after, strconv.Quote("x"), strconv.Quote(strconv.Itoa(value)), 1)
		if err := os.WriteFile(config, []byte(before+strconv.Quote(name)+after), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	change(0)
	benchKuke(b, "image", "import", "--realm", "crash", "--name", "busybox", os.Getenv("KUKE_TEST_ROOTFS"))
	benchKuke(b, "apply", "--auto-approve", "-f", config)
	ended := taskEvents(b)
	var gap, floor time.Duration
	i := 0
	for b.Loop() {
		i++
		change(i)
		benchKuke(b, "apply", "--auto-approve", "-f", config)
		gap += ended("_" + name)
		bench := func(args ...string) { // one after the other
			if err := exec.Command("runc", args...).Run(); err != nil {
				b.Fatalf("runc %v: %v", args, err)
			}
		}
		bench("run", "-d", "--bundle", bundle, "bench")
		start := time.Now()
		bench("delete", "--force", "bench")
		bench("run", "-d", "--bundle", bundle, "bench")
		floor += time.Since(start)
		bench("delete", "--force", "bench")
	}
	b.ReportMetric(gap.Seconds()/floor.Seconds(), "gap/runc")
	b.ReportMetric((gap / time.Duration(b.N)).Seconds(), "gap-s")
	b.ReportMetric((floor / time.Duration(b.N)).Seconds(), "runc-s")
	b.ReportMetric(0, "ns/op")
}

// taskEvents returns a function that waits for the start of a task of a container whose id ends with a suffix, and returns how
// long before it the last one of that container had ended.
func taskEvents(b *testing.B) func(suffix string) time.Duration {
	b.Helper()
	events := exec.Command("ctr", "events")
	out, err := events.StdoutPipe()
	if err == nil {
		err = events.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = events.Process.Kill()
		_ = events.Wait()
	})
	lines := bufio.NewScanner(out)
	return func(suffix string) time.Duration {
		var end time.Time
		for lines.Scan() {
			// 2026-01-02 03:04:05.123456789 +0000 UTC NAMESPACE TOPIC JSON
			fields := strings.SplitN(lines.Text(), " ", 7)
			if len(fields) < 7 || !strings.Contains(fields[6], suffix+`"`) || strings.Contains(fields[6], `"try_`) {
				continue
			}
			at, err := time.Parse("2006-01-02 15:04:05.999999999", fields[0]+" "+fields[1])
			if err != nil {
				b.Fatal(err)
			}
			switch fields[5] {
			case "/tasks/exit":
				end = at
			case "/tasks/start":
				return at.Sub(end)
			}
		}
		b.Fatal(lines.Err())
		return 0
	}
}
