package spec

import (
	"context"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/cap"
	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/resource"
)

// The limits of open files of a container that sets none: Docker's.
const (
	defaultSoftNofile = 1024
	defaultHardNofile = 524288
)

const (
	rlimitPrefix = "RLIMIT_"
	rlimitNofile = rlimitPrefix + "NOFILE"
)

// MaxOpenFiles returns the highest limit of open files that a process of this host can have.
var MaxOpenFiles = sync.OnceValue(func() uint64 {
	most := uint64(math.MaxUint64)
	if data, err := os.ReadFile("/proc/sys/fs/nr_open"); err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64); err == nil {
			most = n
		}
	}
	have, err := cap.Current()
	if err == nil && slices.Contains(have, "CAP_SYS_RESOURCE") {
		return most
	}
	// Without the capability nobody can raise a hard limit.
	var own unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &own); err == nil {
		most = min(most, own.Max)
	}
	return most
})

func withUlimits(ulimits map[string]string) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		hard := min(defaultHardNofile, MaxOpenFiles())
		s.Process.Rlimits = nil
		if ulimits["nofile"] == "" {
			s.Process.Rlimits = []specs.POSIXRlimit{{Type: rlimitNofile, Soft: min(defaultSoftNofile, hard), Hard: hard}}
		}
		for _, name := range slices.Sorted(maps.Keys(ulimits)) {
			limit, err := resource.ParseUlimit(ulimits[name])
			if err != nil {
				return err
			}
			// As an unsigned number, -1 is unlimited.
			s.Process.Rlimits = append(s.Process.Rlimits, specs.POSIXRlimit{Type: rlimitPrefix + strings.ToUpper(name), Soft: uint64(limit.Soft), Hard: uint64(limit.Hard)})
		}
		return nil
	}
}

// ulimits returns the limits that a configuration has to set: the defaults of kuke and of containerd are no limits of the user.
func (d *describer) ulimits() map[string]string {
	all := map[string]string{}
	for _, r := range d.process().Rlimits {
		limit := resource.Ulimit{Soft: int64(r.Soft), Hard: int64(r.Hard)}
		byDefault := r.Soft == defaultSoftNofile && (r.Hard == defaultSoftNofile || r.Hard == min(defaultHardNofile, MaxOpenFiles()))
		if r.Type != rlimitNofile || !byDefault {
			all[strings.ToLower(strings.TrimPrefix(r.Type, rlimitPrefix))] = limit.String()
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
