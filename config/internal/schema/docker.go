package schema

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// dockerNames maps names of Docker and of compose files to the attributes of a container that mean the same.
var dockerNames = map[string]string{
	"cap_add": "capabilities.add", "cap_drop": "capabilities.drop", "cpu_count": "resources.cpus", "cpu_percent": "resources.cpus",
	"cpu_quota": "resources.cpus", "cpuset_cpus": "resources.cpuset", "cpuset": "resources.cpuset", "cpuset_mems": "resources.cpusetMems", "mem_reservation": "resources.memoryReservation", "cpus": "resources.cpus", "device_cgroup_rule": "deviceCgroupRules",
	"entrypoint": "command", "environment": "env", "mem_limit": "resources.memory", "memory": "resources.memory", "memswap_limit": "resources.memorySwap",
	"pid_mode": "pid", "ipc_mode": "ipc", "uts_mode": "uts", "pids_limit": "resources.pids", "read_only": "readOnlyRootFilesystem",
	"restart": "restartPolicy", "security_opt": "securityOpts", "shmsize": "shmSize", "shm": "shmSize", "shared_memory": "shmSize",
	"stop_grace_period": "stopTimeoutSeconds", "stop_timeout": "stopTimeoutSeconds", "ulimit": "ulimits", "sysctl": "sysctls",
}

// dockerReasons say why a name of Docker and of compose files has no attribute, and how to go on.
var dockerReasons = map[string]string{
	"cgroup_parent":  "kuke places the cgroups itself, at /kukeon/realm/space/stack/cell. Set resources on the level whose containers are to have a limit together",
	"cgroupns_mode":  "A container has a cgroup namespace of its own where the host has cgroup v2. Remove it",
	"container_name": "The name of a container is the label of its block, or its id in YAML",
	"cpu_shares":     "Set the cpu weight among its resources instead: 1024 shares are a weight of 100",
	"userns_mode":    "Containers are in the user namespace of the host, as userns_mode: host says in compose files. Remove it",
}

// dockerHint returns the remedy for a name of Docker that a container doesn't have, with a space before it, or "".
func (f *Spelling) dockerHint(name string) string {
	name = strings.ReplaceAll(strings.ToLower(snakeCase(name)), "-", "_")
	if reason := dockerReasons[name]; reason != "" {
		return " " + reason + "."
	}
	instead := dockerNames[name]
	if instead == "" {
		return ""
	}
	a, inHCL := resource.KindContainer.LeafAttribute(instead)
	if f == YAML || a == nil {
		inHCL = instead
	}
	return fmt.Sprintf(" It is called %s here.", inHCL)
}

// snakeCase turns capAdd into cap_add.
func snakeCase(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return b.String()
}
