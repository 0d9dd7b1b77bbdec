package resource

import (
	"maps"
	"strings"
)

// Runtime holds the namespaces, kernel parameters, devices and limits of the processes of a container.
type Runtime struct {
	Ulimits           map[string]string `json:"ulimits,omitempty" kuke:"replace,check=ulimit" doc:"Limits of each process by their name in setrlimit(2): soft:hard, or one number for both; -1 is unlimited. In YAML and HCL also an object with soft and hard. Default: 1024:524288 for nofile, as far as the host allows; others as containerd has them."`
	Sysctls           map[string]string `json:"sysctls,omitempty" kuke:"replace,check=sysctl" doc:"Kernel parameters of the container's own namespaces: net.*, which all containers of the cell share, fs.mqueue.*, kernel.msg*, kernel.sem and kernel.shm*. Default: net.ipv4.ip_unprivileged_port_start=0, net.ipv4.ping_group_range=0 2147483647, and the kernel's."`
	Annotations       map[string]string `json:"annotations,omitempty" kuke:"replace,check=annotation" doc:"Annotations of the OCI spec, for the runtime and its hooks. Keys below kukeon.io/ are reserved."`
	ShmSize           int64             `json:"shmSize,omitempty" kuke:"replace,type=bytes,min=4096" doc:"Size of /dev/shm, in bytes or with a unit such as 256MiB. Default: 64 MiB."`
	Init              bool              `json:"init,omitempty" kuke:"replace" doc:"Run an init as the first process, which forwards signals to the program and reaps orphaned processes."`
	PID               string            `json:"pid,omitempty" kuke:"replace,check=pidmode" doc:"PID namespace: private, or host for that of the host, whose processes the container then sees."`
	IPC               string            `json:"ipc,omitempty" kuke:"replace,check=ipcmode" doc:"IPC namespace: private, host for that of the host with its /dev/shm, or none for a private one without /dev/shm and /dev/mqueue."`
	UTS               string            `json:"uts,omitempty" kuke:"replace,check=utsmode" doc:"UTS namespace: private, or host for the name of the host."`
	GroupAdd          []string          `json:"groupAdd,omitempty" kuke:"replace,type=set,check=group" doc:"Further groups of the process: names of the image, or gids."`
	DeviceCgroupRules []string          `json:"deviceCgroupRules,omitempty" kuke:"replace,type=set,check=devicerule" doc:"Devices that the container may use once they appear in it, by type (a, b or c), numbers and access: c 189:* rwm."`
}

// NetSysctls returns the parameters of c that belong to the network namespace of its cell.
func (c *Container) NetSysctls() map[string]string {
	own := maps.Clone(c.Sysctls)
	maps.DeleteFunc(own, func(name, _ string) bool { return !strings.HasPrefix(name, "net.") })
	return own
}

// The namespaces of a container that chooses none.
const (
	// NamespaceHost is the namespace of the host.
	NamespaceHost = "host"
	// IPCNone is a namespace without shared memory.
	IPCNone = "none"
)
