package executor_test

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
)

// A container that could reach beyond a lab is not started in one.
func TestWithheldFrom(t *testing.T) {
	for name, c := range map[string]struct {
		spec     resource.Container
		withheld bool
	}{
		"plain":               {resource.Container{}, false},
		"privileged":          {resource.Container{Privileged: true}, true},
		"a harmless device":   {resource.Container{Devices: []string{"/dev/net/tun", "/dev/fuse:/dev/fuse:rw"}}, false},
		"a disk":              {resource.Container{Devices: []string{"/dev/sda:/dev/disk:r"}}, true},
		"its own network":     {resource.Container{Capabilities: &resource.Capabilities{Add: []string{"NET_ADMIN"}}}, false},
		"the kernel":          {resource.Container{Capabilities: &resource.Capabilities{Add: []string{"cap_sys_module"}}}, true},
		"all capabilities":    {resource.Container{Capabilities: &resource.Capabilities{Add: []string{"ALL"}, Drop: []string{"SYS_ADMIN"}}}, true},
		"unmasked paths":      {resource.Container{SecurityOpts: []string{"systempaths=unconfined"}}, true},
		"data":                {resource.Container{Volumes: []resource.VolumeMount{{Source: "/srv/data", Target: "/data"}}}, false},
		"the whole host":      {resource.Container{Volumes: []resource.VolumeMount{{Source: "/", Target: "/host", ReadOnly: true}}}, true},
		"containerd":          {resource.Container{Volumes: []resource.VolumeMount{{Source: "/run/containerd/containerd.sock", Target: "/c.sock"}}}, true},
		"processes to read":   {resource.Container{Volumes: []resource.VolumeMount{{Source: "/proc", Target: "/host/proc", ReadOnly: true}}}, false},
		"the kernel to write": {resource.Container{Volumes: []resource.VolumeMount{{Source: "/sys", Target: "/sys"}}}, true},
	} {
		if why := executor.WithheldFrom(&c.spec); (why != "") != c.withheld {
			t.Errorf("%s: withheld since %q", name, why)
		}
	}
}
