package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// reboot is the command: reboot; it does to the lab what a reboot does to a host: every process of containers and of
// containerd is gone, and so is all that the kernel or /run held. What is on disk stays. Then containerd is started.
func reboot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: reboot")
	}
	ts.Check(endProcesses())
	ts.Check(emptyRun())
	ts.Check(emptyNetwork())
	removeCgroups()
	ts.Check(startContainerd())
}

// endProcesses kills containerd first, which would clean up behind the others, then shims and what they run. All of
// them are the lab's own: no others are in its pid namespace.
func endProcesses() error {
	for _, name := range []string{"containerd", "containerd-shim"} {
		for deadline := time.Now().Add(10 * time.Second); ; {
			pids := processesOf(name)
			if len(pids) == 0 {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s does not end: %v", name, pids)
			}
			for _, pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	files, _ := filepath.Glob("/sys/fs/cgroup/kukeon/*/*/*/*/*/cgroup.procs")
	more, _ := filepath.Glob("/sys/fs/cgroup/*/kukeon/*/*/*/*/*/cgroup.procs")
	for _, file := range append(files, more...) {
		data, _ := os.ReadFile(file)
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		// With cgroup v1 nothing ends while it is frozen.
		_ = os.WriteFile(filepath.Join(filepath.Dir(file), "freezer.state"), []byte("THAWED"), 0)
	}
	return nil
}

func processesOf(name string) (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, file := range files {
		comm, _ := os.ReadFile(file)
		state, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
		zombie := strings.Contains(string(state), ") Z ")
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && !zombie && strings.TrimSpace(string(comm)) == name {
			pids = append(pids, pid)
		}
	}
	return pids
}

func emptyRun() error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	lines := strings.Split(string(mounts), "\n")
	slices.Reverse(lines)
	for _, line := range lines {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], "/run/") {
			if err := unix.Unmount(fields[4], unix.MNT_DETACH); err != nil {
				return fmt.Errorf("unmount %s: %w", fields[4], err)
			}
		}
	}
	entries, err := os.ReadDir("/run")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join("/run", e.Name())); err != nil {
			return err
		}
	}
	return os.MkdirAll("/run/lock", 0o1777)
}

func emptyNetwork() error {
	links, err := allLinks()
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Attrs().Name != "lo" {
			_ = netlink.LinkDel(l) // one of a pair goes with the other
		}
	}
	conn, err := nftables.New()
	if err != nil {
		return err
	}
	conn.FlushRuleset()
	if err := conn.Flush(); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("0"), 0)
}

func removeCgroups() {
	roots, _ := filepath.Glob("/sys/fs/cgroup/*/kukeon")
	for _, root := range append(roots, "/sys/fs/cgroup/kukeon") {
		var dirs []string
		_ = filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
			if err == nil && info.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) {
			for range 100 {
				if err := unix.Rmdir(dir); err == nil || err == unix.ENOENT {
					break
				}
				time.Sleep(10 * time.Millisecond) // until its last process is gone
			}
		}
	}
}

func startContainerd() error {
	log, err := os.OpenFile("/var/log/containerd.log", os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command("containerd")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	for range 500 {
		if err = exec.Command("ctr", "version").Run(); err == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("containerd does not answer: %w", err)
}

// allLinks lists the network interfaces of the lab, as often as it takes to see them as they are at one moment.
func allLinks() ([]netlink.Link, error) {
	for {
		links, err := netlink.LinkList()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return links, err
		}
	}
}
