package containers

import (
	"context"
	"path/filepath"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/executor/internal/client"
)

// MoveOptions are the settings of a container that follow from its path.
type MoveOptions struct {
	// FilesFrom and FilesTo are the directories of the files that are mounted into it.
	FilesFrom, FilesTo string
	// HostnameFrom is replaced by HostnameTo. Any other hostname stays: kuke did not set it.
	HostnameFrom, HostnameTo string
	// Annotations of its OCI spec are replaced where it has them.
	Annotations map[string]string
}

// Move changes the OCI spec that the next tasks of the container are made from. A running task stays as it is.
func Move(ctx context.Context, c *client.Client, ns, id string, o MoveOptions) error {
	err := UpdateSpec(client.In(ctx, ns), c, id, func(s *specs.Spec) bool { return o.apply(s) })
	return client.Wrap(err, "update the spec of container %s", id)
}

func (o *MoveOptions) apply(s *specs.Spec) (changed bool) {
	for i, m := range s.Mounts {
		if filepath.Dir(m.Source) == o.FilesFrom && o.FilesFrom != o.FilesTo {
			s.Mounts[i].Source, changed = filepath.Join(o.FilesTo, filepath.Base(m.Source)), true
		}
	}
	if s.Hostname != "" && s.Hostname == o.HostnameFrom && o.HostnameFrom != o.HostnameTo {
		s.Hostname, changed = o.HostnameTo, true
		if s.Process != nil {
			if i := slices.Index(s.Process.Env, "HOSTNAME="+o.HostnameFrom); i >= 0 {
				s.Process.Env[i] = "HOSTNAME=" + o.HostnameTo
			}
		}
	}
	for key, value := range o.Annotations {
		if had, ok := s.Annotations[key]; ok && had != value {
			s.Annotations[key], changed = value, true
		}
	}
	return changed
}
