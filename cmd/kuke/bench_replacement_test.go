package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkReplacement changes a variable of a container, which replaces it, and reports for how long no container runs: from
// the end of the old one's task to the start of the new one's, as containerd tells. The root container takes the network of
// its cell along. The references of the same run are the time that "runc delete" and "runc run" of one container take, and,
// where dockerd and docker-compose are installed, the same gap in "docker-compose up" of the same change of a service.
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
	compose := startCompose(b)
	if compose != nil {
		defer compose.stop()
		compose.up(0)
	}
	gapOf := taskEvents(b)
	var gap, floor, peer time.Duration
	i := 0
	for b.Loop() {
		i++
		change(i)
		benchKuke(b, "apply", "--auto-approve", "-f", config)
		gap += gapOf(func(_, event string) bool {
			return strings.Contains(event, "_"+name+`"`) && !strings.Contains(event, `"try_`)
		})
		floor += runcGap(b, bundle)
		if compose != nil {
			compose.up(i)
			peer += gapOf(func(namespace, _ string) bool { return namespace == "moby" })
		}
	}
	n := time.Duration(b.N)
	b.ReportMetric(gap.Seconds()/floor.Seconds(), "gap/runc")
	b.ReportMetric((gap / n).Seconds(), "gap-s")
	b.ReportMetric((floor / n).Seconds(), "runc-s")
	if compose != nil {
		b.ReportMetric(gap.Seconds()/peer.Seconds(), "gap/compose")
		b.ReportMetric((peer / n).Seconds(), "compose-s")
	}
	b.ReportMetric(0, "ns/op")
}

// runcGap returns the time that a container made with bare runc is away when it is deleted and run again.
func runcGap(b *testing.B, bundle string) time.Duration {
	b.Helper()
	runc := func(args ...string) {
		if err := exec.Command("runc", args...).Run(); err != nil {
			b.Fatalf("runc %v: %v", args, err)
		}
	}
	runc("run", "-d", "--bundle", bundle, "bench")
	start := time.Now()
	runc("delete", "--force", "bench")
	runc("run", "-d", "--bundle", bundle, "bench")
	gap := time.Since(start)
	runc("delete", "--force", "bench")
	return gap
}

// composeHost is a Docker daemon on the lab's containerd with a compose file of one service.
type composeHost struct {
	b      *testing.B
	file   string
	daemon *exec.Cmd
}

// startCompose returns nil where Docker or Compose is not installed.
func startCompose(b *testing.B) *composeHost {
	b.Helper()
	for _, name := range []string{"dockerd", "docker", "docker-compose"} {
		if _, err := exec.LookPath(name); err != nil {
			b.Logf("no comparison with Compose: %v", err)
			return nil
		}
	}
	dir := b.TempDir()
	// Its bridge and its rules belong to the network namespace of the lab.
	daemon := exec.Command("dockerd", "--containerd", "/run/containerd/containerd.sock", "--data-root", filepath.Join(dir, "data"))
	if err := daemon.Start(); err != nil {
		b.Fatal(err)
	}
	c := &composeHost{b: b, file: filepath.Join(dir, "compose.yaml"), daemon: daemon}
	deadline := time.Now().Add(time.Minute)
	for exec.Command("docker", "version").Run() != nil {
		if time.Now().After(deadline) {
			c.stop()
			b.Fatal("dockerd does not answer")
		}
		time.Sleep(50 * time.Millisecond)
	}
	c.run("docker", "import", os.Getenv("KUKE_TEST_ROOTFS"), "busybox")
	return c
}

// up writes the compose file with a value of a variable and applies it.
func (c *composeHost) up(value int) {
	c.b.Helper()
	content := fmt.Sprintf("version: \"3\"\nservices:\n  web:\n    image: busybox\n    command: [\"/bin/sleep\", \"3600\"]\n    stop_signal: SIGKILL\n    environment: {WORD: \"%d\"}\n", value)
	if err := os.WriteFile(c.file, []byte(content), 0o600); err != nil {
		c.b.Fatal(err)
	}
	c.run("docker-compose", "-p", "bench", "-f", c.file, "up", "-d")
}

func (c *composeHost) run(name string, args ...string) {
	c.b.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		c.b.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (c *composeHost) stop() {
	if _, err := os.Stat(c.file); err == nil {
		c.run("docker-compose", "-p", "bench", "-f", c.file, "down")
	}
	_ = c.daemon.Process.Signal(syscall.SIGTERM)
	_ = c.daemon.Wait()
}

// taskEvents returns a function that waits for the start of a task whose events match, and returns how long before it the last
// task whose events match had ended.
func taskEvents(b *testing.B) func(match func(namespace, event string) bool) time.Duration {
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
	return func(match func(namespace, event string) bool) time.Duration {
		var end time.Time
		for lines.Scan() {
			// 2026-01-02 03:04:05.123456789 +0000 UTC NAMESPACE TOPIC JSON
			fields := strings.SplitN(lines.Text(), " ", 7)
			if len(fields) < 7 || !match(fields[4], fields[6]) {
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
