package spec

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/executor/internal/reaper"
)

func initMount(source string) specs.Mount {
	return specs.Mount{Destination: reaper.Path, Type: "bind", Source: source, Options: []string{"bind", "rprivate", "ro"}}
}

// InitOf returns the program that is the init of a container, or "" for none.
func InitOf(s *specs.Spec) string {
	for _, m := range s.Mounts {
		if m.Destination == reaper.Path {
			return m.Source
		}
	}
	return ""
}

// SetInit replaces the init of a container that has one, and reports whether that is a change.
func SetInit(s *specs.Spec, source string) bool {
	for i, m := range s.Mounts {
		if m.Destination == reaper.Path {
			s.Mounts[i] = initMount(source)
			return m.Source != source
		}
	}
	return false
}
