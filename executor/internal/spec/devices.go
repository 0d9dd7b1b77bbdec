package spec

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"tags.cncf.io/container-device-interface/pkg/cdi"

	"github.com/kukeon/kuke/config/resource"
)

func deviceOpts(c *resource.Container) ([]oci.SpecOpts, error) {
	var opts []oci.SpecOpts
	for _, device := range c.Devices {
		if resource.IsCDIDevice(device) {
			continue // see withCDIDevices
		}
		parts := strings.Split(device, ":")
		host, inside, access := parts[0], parts[0], "rwm"
		switch {
		case len(parts) == 2 && strings.HasPrefix(parts[1], "/"):
			inside = parts[1]
		case len(parts) == 2:
			access = parts[1]
		case len(parts) == 3:
			inside, access = parts[1], parts[2]
		case len(parts) > 3:
			return nil, fmt.Errorf("device %q: write hostPath[:containerPath[:rwm]]", device)
		}
		if strings.Trim(access, "rwm") != "" || access == "" {
			return nil, fmt.Errorf("device %q: the access %q may only be made of r, w and m", device, access)
		}
		opts = append(opts, named("device "+device, oci.WithDevices(host, inside, access)))
	}
	return append(opts, withDeviceRules(c.DeviceCgroupRules)), nil
}

// withDeviceRules allows devices, as far as the container has nodes for them.
func withDeviceRules(rules []string) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		for _, rule := range rules {
			fields := strings.Fields(rule)
			if len(fields) != 3 {
				return fmt.Errorf("device rule %q: write the type, the numbers and the access", rule)
			}
			major, minor, _ := strings.Cut(fields[1], ":")
			allowed := specs.LinuxDeviceCgroup{Allow: true, Type: fields[0], Access: fields[2]}
			var err error
			if allowed.Major, err = deviceNumber(major); err == nil {
				allowed.Minor, err = deviceNumber(minor)
			}
			if err != nil {
				return fmt.Errorf("device rule %q: %w", rule, err)
			}
			s.Linux.Resources.Devices = append(s.Linux.Resources.Devices, allowed)
		}
		return nil
	}
}

// deviceNumber returns nil for every number.
func deviceNumber(s string) (*int64, error) {
	if s == "*" {
		return nil, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return &n, err
}

// cdiDevices returns the devices of the specs of CDI on this host. An unreadable spec has none, and its error is returned too.
func cdiDevices() (*cdi.Cache, error) {
	// Nothing watches the directories for changes: a plan and a step look once.
	return cdi.NewCache(cdi.WithAutoRefresh(false))
}

// CDIDevices returns the names of all CDI devices of this host.
func CDIDevices() []string {
	cache, err := cdiDevices()
	if err != nil {
		return nil
	}
	return cache.ListDevices()
}

func withCDIDevices(devices []string) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		var names []string
		for _, device := range devices {
			if resource.IsCDIDevice(device) {
				names = append(names, device)
			}
		}
		if len(names) == 0 {
			return nil
		}
		cache, err := cdiDevices()
		if err == nil {
			_, err = cache.InjectDevices(s, names...)
		}
		if err != nil {
			return fmt.Errorf("CDI devices: %w", err)
		}
		return nil
	}
}

// IsDevice reports whether the path of the host is a device, or a directory with devices in it.
func IsDevice(host string) bool {
	spec := &oci.Spec{Linux: &specs.Linux{Resources: &specs.LinuxResources{}}}
	err := oci.WithDevices(host, "", "rwm")(context.Background(), nil, nil, spec)
	return err == nil && len(spec.Linux.Devices) > 0
}
