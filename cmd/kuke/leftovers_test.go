package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/google/nftables"
	"github.com/moby/sys/mountinfo"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// traces are where files of kuke's could be left.
var traces = []string{
	"/opt/kukeon/*", "/opt/kukeon/.*", "/sys/fs/cgroup/kukeon", "/sys/fs/cgroup/*/kukeon", "/run/kukeon",
	"/run/containerd/io.containerd.runtime.v2.task/kukeon-*/*", "/etc/cni/net.d/*", "/var/lib/cni/*/*",
}

// repairHost reverts the changes of the host that a failed script has not reverted itself: a stopped containerd, and mounts, such as
// one that covers runc. before are the mount points from before the script.
func repairHost(before map[string]int, fatal func(...any)) {
	for _, pid := range processesOf("containerd") {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	for point, n := range mountPoints(fatal) {
		for range n - before[point] {
			if err := unix.Unmount(point, unix.MNT_DETACH); err != nil {
				fatal("clean up: unmount ", point, ": ", err)
			}
		}
	}
}

// mountPoints counts the mounts at each mount point of the lab but those of containers.
func mountPoints(fatal func(...any)) map[string]int {
	mounts, err := mountinfo.GetMounts(func(m *mountinfo.Info) (skip, stop bool) {
		return strings.HasPrefix(m.Mountpoint, "/run/") || strings.HasPrefix(m.Mountpoint, "/var/lib/containerd/"), false
	})
	if err != nil {
		fatal("list mounts: ", err)
	}
	points := map[string]int{}
	for _, m := range mounts {
		points[m.Mountpoint]++
	}
	return points
}

// leftovers lists everything of kuke's that is on the host.
func leftovers() string {
	var left []string
	for _, pattern := range traces {
		found, _ := filepath.Glob(pattern)
		left = append(left, slices.DeleteFunc(found, isHistory)...)
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for _, line := range strings.Split(string(mounts), "\n") {
		if strings.Contains(line, "/run/kukeon") || strings.Contains(line, "/rootfs ") && strings.Contains(line, "kukeon-") {
			left = append(left, line)
		}
	}
	out, err := exec.Command("ctr", "namespaces", "ls", "-q").CombinedOutput()
	if err != nil {
		left = append(left, err.Error())
	}
	for _, ns := range strings.Fields(string(out)) {
		if (strings.HasPrefix(ns, "kukeon-") || strings.HasPrefix(ns, "custom")) && !keptForImages(ns) {
			left = append(left, "namespace "+ns)
		}
	}
	return strings.Join(append(left, networkLeftovers()...), "\n")
}

// isHistory reports whether a file belongs to the history, which outlasts all resources.
func isHistory(file string) bool {
	return strings.HasPrefix(file, "/opt/kukeon/history.jsonl") || file == "/opt/kukeon/.history"
}

// removeHistory gives the next script a host on which nothing has been applied.
func removeHistory(fatal func(...any)) {
	for _, pattern := range traces {
		found, _ := filepath.Glob(pattern)
		for _, file := range found {
			if isHistory(file) {
				if err := os.RemoveAll(file); err != nil {
					fatal("clean up: ", err)
				}
			}
		}
	}
	_ = os.Remove("/opt/kukeon") // unless it holds other files
}

// keptForImages reports whether a namespace is what a destroy leaves: labelled so, with images and nothing that runs.
func keptForImages(ns string) bool {
	if out, err := exec.Command("ctr", "namespaces", "ls").Output(); err != nil || !regexp.MustCompile(`(?m)^`+ns+` .*\bkukeon\.io/kept=images\b`).Match(out) {
		return false
	}
	for _, what := range []string{"containers", "tasks"} {
		if out, err := exec.Command("ctr", "-n", ns, what, "ls", "-q").Output(); err != nil || len(out) > 0 {
			return false
		}
	}
	out, err := exec.Command("ctr", "-n", ns, "images", "ls", "-q").Output()
	return err == nil && len(out) > 0
}

// networkLeftovers lists the links, firewall tables and rules of iptables that are left.
func networkLeftovers() []string {
	var left []string
	links, err := allLinks()
	if err != nil {
		return []string{err.Error()}
	}
	for _, l := range links {
		if name := l.Attrs().Name; strings.HasPrefix(name, "kuke-") || strings.HasPrefix(name, "veth") {
			left = append(left, "link "+name)
		}
	}
	conn, err := nftables.New()
	if err != nil {
		return append(left, err.Error())
	}
	tables, err := conn.ListTables()
	if err != nil {
		return append(left, err.Error())
	}
	for _, t := range tables {
		if strings.HasPrefix(t.Name, "kukeon") {
			left = append(left, "firewall table "+t.Name)
		}
	}
	rules, err := exec.Command("iptables-save").Output()
	if err != nil {
		return append(left, err.Error())
	}
	for line := range strings.Lines(string(rules)) {
		if strings.Contains(line, "CNI-") || strings.Contains(line, "KUKEON-") {
			left = append(left, strings.TrimSpace(line))
		}
	}
	return left
}

// meddle is the command: meddle bridge NAME, or meddle firewall TABLE; it removes the bridge, or all rules of the table.
func meddle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: meddle bridge|firewall|swap NAME")
	}
	if args[0] == "swap" {
		ts.Check(forgetSwap(args[1]))
		return
	}
	if args[0] == "bridge" {
		bridge, err := netlink.LinkByName(args[1])
		ts.Check(err)
		ts.Check(netlink.LinkDel(bridge))
		return
	}
	conn, err := nftables.New()
	ts.Check(err)
	conn.FlushTable(&nftables.Table{Name: args[1], Family: nftables.TableFamilyINet})
	ts.Check(conn.Flush())
}

// forgetSwap makes a container of containerd, NAMESPACE/ID, one whose next task has no bound of swap.
func forgetSwap(name string) error {
	namespace, id, _ := strings.Cut(name, "/")
	client, err := containerd.New("/run/containerd/containerd.sock", containerd.WithDefaultNamespace(namespace))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := namespaces.WithNamespace(context.Background(), namespace)
	container, err := client.LoadContainer(ctx, id)
	if err != nil {
		return err
	}
	spec, err := container.Spec(ctx)
	if err != nil {
		return err
	}
	spec.Linux.Resources.Memory.Swap = nil
	return container.Update(ctx, containerd.UpdateContainerOpts(containerd.WithSpec(spec)))
}
