package shim

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kukeon/kuke/executor/internal/logs"
)

// Task names the task of a container.
type Task struct{ NS, ID string }

// Process is a process that serves a task: its shim, or the writer of its log.
type Process struct {
	pid     int
	cmdline []byte
	writer  bool
}

// Alive reports whether the process still runs, and no other process has its pid.
func (p Process) Alive() bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/cmdline")
	return err == nil && bytes.Equal(data, p.cmdline)
}

// Scan holds the processes that serve the tasks of one containerd.
type Scan struct {
	// Tasks are the processes that serve each task.
	Tasks map[Task][]Process
	// stateDir is the state directory of containerd, which a reboot empties; empty where no shim runs to tell it.
	stateDir string
}

// Look scans all processes of the host for those of the containerd that listens at address.
func Look(address string) *Scan {
	s := &Scan{Tasks: map[Task][]Process{}}
	mine, err := os.Stat(address)
	if err != nil {
		return s
	}
	ours := map[string]bool{}
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		dir := filepath.Dir(file)
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		args := strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
		p := Process{pid: pid, cmdline: data}
		var of Task
		switch {
		case filepath.Base(args[0]) == Program && !passing(args):
			at := option(args, "-address")
			if _, known := ours[at]; !known {
				info, err := os.Stat(at)
				ours[at] = err == nil && os.SameFile(info, mine)
			}
			if !ours[at] {
				continue
			}
			of = Task{option(args, "-namespace"), option(args, "-id")}
			s.learn(dir, of)
		case logs.IsWriter(args):
			p.writer = true
			of = servedBy(dir)
		}
		if of.ID != "" {
			s.Tasks[of] = append(s.Tasks[of], p)
		}
	}
	return s
}

// passing reports whether a shim only starts or removes another one.
func passing(args []string) bool {
	return slices.Contains(args, "start") || slices.Contains(args, "delete")
}

// learn derives containerd's state directory from a shim, which works in the bundle of its task.
func (s *Scan) learn(dir string, of Task) {
	bundle, err := os.Readlink(filepath.Join(dir, "cwd"))
	if err != nil {
		return
	}
	if state, ok := strings.CutSuffix(strings.TrimSuffix(bundle, " (deleted)"), "/"+filepath.Join(BundlesDir, of.NS, of.ID)); ok {
		s.stateDir = state
	}
}

// servedBy returns the task whose log a process writes, from the environment that the shim gave it.
func servedBy(dir string) (of Task) {
	data, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return of
	}
	for _, variable := range strings.Split(string(data), "\x00") {
		if id, ok := strings.CutPrefix(variable, "CONTAINER_ID="); ok {
			of.ID = id
		}
		if ns, ok := strings.CutPrefix(variable, "CONTAINER_NAMESPACE="); ok {
			of.NS = ns
		}
	}
	return of
}

// option returns the value of an option, empty where it isn't given.
func option(args []string, name string) string {
	if i := slices.Index(args, name); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// Leftovers finds the processes and directories that earlier commands may have left. It scans the processes once, when
// first asked: tasks that are made later have directories too, until they are removed.
type Leftovers struct {
	// Address is the path of containerd's socket.
	Address string

	once  sync.Once
	first *Scan // at the processes, when they were first asked for

	mu sync.Mutex
	// stateDir is the state directory of containerd, where an error told it.
	stateDir string
}

func (l *Leftovers) look() { l.once.Do(func() { l.first = Look(l.Address) }) }

// Processes returns the processes that serve the task and ran at the first scan.
func (l *Leftovers) Processes(of Task) []Process {
	l.look()
	return slices.DeleteFunc(slices.Clone(l.first.Tasks[of]), func(p Process) bool { return !p.Alive() })
}

// dir returns containerd's state directory: from an error or a shim, or the directory of its socket.
func (l *Leftovers) dir() string {
	l.look()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stateDir != "":
		return l.stateDir
	case l.first.stateDir != "":
		return l.first.stateDir
	}
	return filepath.Dir(l.Address)
}

// Bundle returns the directory of the task's bundle.
func (l *Leftovers) Bundle(of Task) string { return filepath.Join(l.dir(), BundlesDir, of.NS, of.ID) }

// traces are the directories that exist as long as a task does.
func (l *Leftovers) traces(ns, id string) []string {
	return []string{l.Bundle(Task{ns, id}), filepath.Join(runcDir, ns, id)}
}

// HasTraces reports whether a task, or one in the making, exists.
func (l *Leftovers) HasTraces(ns, id string) bool {
	return slices.ContainsFunc(l.traces(ns, id), exists)
}

func exists(file string) bool {
	_, err := os.Lstat(file)
	return err == nil
}

// Scan scans all processes of the host again.
func (l *Leftovers) Scan() *Scan { return Look(l.Address) }

// LearnFrom derives the state directory from the error about a bundle that is in the way of the task.
func (l *Leftovers) LearnFrom(err error, of Task) {
	_, path, found := strings.Cut(err.Error(), "mkdir ")
	path, _, ends := strings.Cut(path, ": file exists")
	state, ok := strings.CutSuffix(path, "/"+filepath.Join(BundlesDir, of.NS, of.ID))
	if !found || !ends || !ok || !filepath.IsAbs(state) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stateDir = state
}
