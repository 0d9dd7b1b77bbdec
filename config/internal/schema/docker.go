package schema

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// dockerNames maps names of Docker and of compose files to the attributes of a container that mean the same. Names within an
// object follow that of the attribute, as in healthcheck.interval.
var dockerNames = map[string]string{
	"cap_add": "capabilities.add", "cap_drop": "capabilities.drop", "cpu_count": "resources.cpus", "cpu_percent": "resources.cpus",
	"cpu_quota": "resources.cpus", "cpuset_cpus": "resources.cpuset", "cpuset": "resources.cpuset", "cpuset_mems": "resources.cpusetMems", "mem_reservation": "resources.memoryReservation", "cpus": "resources.cpus", "device_cgroup_rule": "deviceCgroupRules",
	"environment": "env", "mem_limit": "resources.memory", "memory": "resources.memory", "memswap_limit": "resources.memorySwap",
	"dns_opt": "dnsOptions", "domain_name": "domainname", "host_name": "hostname",
	"pid_mode": "pid", "ipc_mode": "ipc", "uts_mode": "uts", "pids_limit": "resources.pids", "read_only": "readOnlyRootFilesystem",
	"restart": "restartPolicy", "security_opt": "securityOpts", "shmsize": "shmSize", "shm": "shmSize", "shared_memory": "shmSize",
	"stop_grace_period": "stopTimeoutSeconds", "stop_timeout": "stopTimeoutSeconds", "ulimit": "ulimits", "sysctl": "sysctls",

	"healthcheck.interval": "healthcheck.intervalSeconds", "healthcheck.timeout": "healthcheck.timeoutSeconds",
	"healthcheck.start_period": "healthcheck.startPeriodSeconds", "healthcheck.start_interval": "healthcheck.startIntervalSeconds",
	"configs.file": "configs.fromFile", "configs.environment": "configs.fromEnv", "configs.target": "configs.mountPath", "configs.source": "configs.name",
	"secrets.file": "secrets.fromFile", "secrets.environment": "secrets.fromEnv", "secrets.target": "secrets.mountPath", "secrets.source": "secrets.name",
	"logging.max_file": "logging.maxFiles", "tmpfs.target": "tmpfs.path", "tmpfs.size": "tmpfs.sizeBytes",
	"volumes.type": "volumes.kind", "volumes.src": "volumes.source", "volumes.dst": "volumes.target", "volumes.destination": "volumes.target",
	"resources.pids_limit": "resources.pids", "resources.mem_limit": "resources.memory", "resources.memswap_limit": "resources.memorySwap",
}

const aliases = "networksAliases"

// reasonWords are the attributes that reasons name.
var reasonWords = []string{aliases, "maxSize", "maxFiles"}

// dockerReasons say why a name of Docker and of compose files has no attribute, and how to go on.
var dockerReasons = map[string]string{
	"build":          "kuke builds no images. Build the image elsewhere, then push it to a registry or import it with kuke image import",
	"cgroup_parent":  "kuke places the cgroups itself, at /kukeon/realm/space/stack/cell. Set resources on the level whose containers are to have a limit together",
	"cgroup":         "A container has a cgroup namespace of its own where the host has cgroup v2. Remove it",
	"cgroupns_mode":  "A container has a cgroup namespace of its own where the host has cgroup v2. Remove it",
	"container_name": "The name of a container is the label of its block, or its id in YAML",
	"cpu_shares":     "Set the cpu weight among its resources instead: 1024 shares are a weight of 100",
	"deploy":         "Write its limits into resources, and use count or for_each on the cell for replicas",
	"entrypoint":     "The program is called command here, a string, and its arguments are args, a list",
	"expose":         "The cells of a space reach each other on all ports. Remove it",
	"extends":        "Use a module, locals or for_each for values that containers share",
	"gpus":           "Name the GPUs among its devices, as devices of the Container Device Interface: nvidia.com/gpu=all",
	"links":          "The cells of a space reach each other by name. Remove it, or give the other cell further names with " + aliases,
	"platform":       "kuke uses the image of the platform of this host. Remove it",
	"profiles":       "Use for_each or count on the cell with a variable, such as count = var.debug ? 1 : 0",
	"runtime":        "Containers run with runc. Remove it; for GPUs, name devices of the Container Device Interface among its devices: nvidia.com/gpu=all",
	"scale":          "Use count or for_each on the cell",
	"stdin_open":     "Only a tty keeps the input of a container open. Remove it, or set tty",
	"userns_mode":    "Containers are in the user namespace of the host, as userns_mode: host says in compose files. Remove it",

	"healthcheck.test":       `The command is called exec here, without the first word CMD: ["curl", "-f", "http://localhost/"]. With CMD-SHELL, or as a string, it is ["/bin/sh", "-c", "…"]. http and tcp need no program in the image`,
	"logging.options":        "Write them beside the driver: maxSize for max-size, maxFiles for max-file",
	"resources.limits":       "Write the limits into resources itself",
	"resources.reservations": "Write the reservation of memory into resources itself, as it is called here; processors have a weight",
	"volumes.bind":           "Write propagation, selinux and the creation of the host path into the mount itself",
	"volumes.tmpfs":          "Write the size and the mode into the mount itself",
}

// dockerHint returns the remedy for a name of Docker that a container, or the place in it, doesn't have, with a space before
// it, or "".
func (d *decoder) dockerHint(f source.Field, at place) string {
	ofCell := d.owner == resource.KindCell.Lower() && at.shown == ""
	if d.owner != resource.KindContainer.Lower() && !ofCell {
		return ""
	}
	name := strings.ReplaceAll(strings.ToLower(snakeCase(f.Name)), "-", "_")
	if at.shown != "" {
		a := d.topAttribute(at)
		if a == nil {
			return ""
		}
		name = a.Name + "." + name
	}
	instead := dockerNames[name]
	if ofCell {
		switch {
		case strings.HasPrefix(instead, "resources."):
		case instead != "":
			return fmt.Sprintf(" It belongs to a container, and is called %s there.", d.spelled(instead))
		case name == "network_mode":
			return " It belongs to a container, and is called network there."
		default:
			return ""
		}
	}
	if hint := d.dockerValueHint(name, f.Value); hint != "" {
		return " " + hint + "."
	}
	if reason := dockerReasons[name]; reason != "" {
		for _, word := range reasonWords {
			if d.spelling == HCL {
				reason = strings.ReplaceAll(reason, word, strings.ToLower(snakeCase(word)))
			}
		}
		return " " + reason + "."
	}
	if instead == "" {
		return ""
	}
	unit := ""
	if strings.HasSuffix(instead, "Seconds") {
		unit = ", in seconds"
	}
	called := d.spelled(instead)
	if at.shown != "" {
		called = called[strings.LastIndex(called, ".")+1:]
	}
	return fmt.Sprintf(" It is called %s here%s.", called, unit)
}

// topAttribute returns the attribute of the container at which, or directly in which, the place is, or nil.
func (d *decoder) topAttribute(at place) *resource.Attribute {
	word, _, _ := strings.Cut(at.shown, "[")
	return d.find(resource.KindContainer.Attributes(), word)
}

// spelled returns the name of a leaf of a container, such as resources.memorySwap, in the spelling of the declaration.
func (d *decoder) spelled(leaf string) string {
	if a, inHCL := resource.KindContainer.LeafAttribute(leaf); d.spelling == HCL && a != nil {
		return inHCL
	}
	return leaf
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
