package cgroup

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ownSet returns the set of processors or memory nodes of the cgroup itself: in v1, where every cgroup has one, not that of the
// cgroup above.
func (t *Tree) ownSet(cgroup, file, set string) string {
	if t.mode == V1 && set == t.setOf(path.Dir(cgroup), file) {
		return ""
	}
	return set
}

func (t *Tree) setOf(cgroup, file string) string {
	data, err := os.ReadFile(filepath.Join(t.dirs["cpuset"], cgroup, file))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Inherit has an update of a container's cgroup take back, in v1, the processors and memory nodes that r does not limit, where the
// cgroup has others than the one above.
func (t *Tree) Inherit(cgroup string, out *specs.LinuxResources) {
	if t.mode != V1 || t.dirs["cpuset"] == "" {
		return
	}
	cpu := out.CPU
	if cpu == nil {
		cpu = &specs.LinuxCPU{}
	}
	for _, set := range []struct {
		file string
		to   *string
	}{{"cpuset.cpus", &cpu.Cpus}, {"cpuset.mems", &cpu.Mems}} {
		if *set.to == "" && t.ownSet(cgroup, set.file, t.setOf(cgroup, set.file)) != "" {
			*set.to, out.CPU = t.setOf(path.Dir(cgroup), set.file), cpu
		}
	}
}

// Sets returns the processors and the memory nodes of this host that cgroups can be limited to, empty where it can't tell.
func (t *Tree) Sets() (cpus, mems string) {
	if t.dirs["cpuset"] == "" {
		return "", ""
	}
	suffix := ""
	if t.mode == V2 {
		suffix = ".effective"
	}
	return t.setOf("/", "cpuset.cpus"+suffix), t.setOf("/", "cpuset.mems"+suffix)
}
