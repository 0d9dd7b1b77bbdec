package runtime

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

// taskID names the task of a container.
type taskID struct{ ns, id string }

// taskProcess is a process that serves a task: its shim, or what writes its log.
type taskProcess struct {
	pid     int
	cmdline []byte
	writer  bool
}

// alive reports whether it is still there, and its number is not another's by now.
func (p taskProcess) alive() bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/cmdline")
	return err == nil && bytes.Equal(data, p.cmdline)
}

// scan is what the processes of a host tell of the tasks of one containerd.
type scan struct {
	tasks map[taskID][]taskProcess
	// stateDir is containerd's directory for what a reboot ends; empty where there is no shim to tell of it.
	stateDir string
}

// scanTasks looks at all processes of the host, for the containerd that listens at address.
func scanTasks(address string) *scan {
	s := &scan{tasks: map[taskID][]taskProcess{}}
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
		p := taskProcess{pid: pid, cmdline: data}
		var of taskID
		switch {
		case filepath.Base(args[0]) == shimProgram && !passing(args):
			at := option(args, "-address")
			if _, known := ours[at]; !known {
				info, err := os.Stat(at)
				ours[at] = err == nil && os.SameFile(info, mine)
			}
			if !ours[at] {
				continue
			}
			of = taskID{option(args, "-namespace"), option(args, "-id")}
			s.learn(dir, of)
		case logs.IsWriter(args):
			p.writer = true
			of = servedBy(dir)
		}
		if of.id != "" {
			s.tasks[of] = append(s.tasks[of], p)
		}
	}
	return s
}

// passing reports whether a shim is one that only starts or removes another.
func passing(args []string) bool {
	return slices.Contains(args, "start") || slices.Contains(args, "delete")
}

// learn takes containerd's state directory from a shim, which works in the bundle of its task.
func (s *scan) learn(dir string, of taskID) {
	bundle, err := os.Readlink(filepath.Join(dir, "cwd"))
	if err != nil {
		return
	}
	if state, ok := strings.CutSuffix(strings.TrimSuffix(bundle, " (deleted)"), "/"+filepath.Join(bundlesDir, of.ns, of.id)); ok {
		s.stateDir = state
	}
}

// servedBy returns whose log a process writes, as the shim tells it.
func servedBy(dir string) (of taskID) {
	data, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return of
	}
	for _, variable := range strings.Split(string(data), "\x00") {
		if id, ok := strings.CutPrefix(variable, "CONTAINER_ID="); ok {
			of.id = id
		}
		if ns, ok := strings.CutPrefix(variable, "CONTAINER_NAMESPACE="); ok {
			of.ns = ns
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

// left knows what earlier commands may have left. The processes are looked at once, when first asked for: what comes later
// has directories besides, until it is done.
type left struct {
	address string

	once sync.Once
	*scan

	mu sync.Mutex
	// stateDir is containerd's directory for what a reboot ends, as far as it is known otherwise.
	stateDir string
}

func (l *left) look() { l.once.Do(func() { l.scan = scanTasks(l.address) }) }

// processes returns the processes that serve the task and were there when this command first looked.
func (l *left) processes(of taskID) []taskProcess {
	l.look()
	return slices.DeleteFunc(slices.Clone(l.tasks[of]), func(p taskProcess) bool { return !p.alive() })
}

// dir returns containerd's state directory: what an error or a shim told, or where its socket is.
func (l *left) dir() string {
	l.look()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.stateDir != "":
		return l.stateDir
	case l.scan.stateDir != "":
		return l.scan.stateDir
	}
	return filepath.Dir(l.address)
}

// bundle returns the directory of the task's bundle.
func (l *left) bundle(of taskID) string { return filepath.Join(l.dir(), bundlesDir, of.ns, of.id) }

// traces are the directories that a task has from its first moment to its last.
func (l *left) traces(ns, id string) []string {
	return []string{l.bundle(taskID{ns, id}), filepath.Join(runcDir, ns, id)}
}

// hasTraces reports whether there is a task or one in the making.
func (l *left) hasTraces(ns, id string) bool {
	return slices.ContainsFunc(l.traces(ns, id), exists)
}

// now looks at all processes of the host again.
func (l *left) now() *scan { return scanTasks(l.address) }

// learnFrom takes the state directory from an error about the bundle of a task, which is in its way.
func (l *left) learnFrom(err error, of taskID) {
	_, path, found := strings.Cut(err.Error(), "mkdir ")
	path, _, ends := strings.Cut(path, ": file exists")
	state, ok := strings.CutSuffix(path, "/"+filepath.Join(bundlesDir, of.ns, of.id))
	if !found || !ends || !ok || !filepath.IsAbs(state) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stateDir = state
}
