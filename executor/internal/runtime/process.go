package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/containerd/errdefs"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/apparmor"
)

// Prepare brings up to date, in the OCI spec that the next task is made from, the settings that depend on the host or
// that can change while the container stays: its AppArmor profile and its OOM score adjustment. The default profile is
// loaded first where the kernel doesn't have it, as after a reboot. Of the root file system it replaces the symbolic links
// that root would follow, as [Client.Create] does.
func (c *Client) Prepare(ctx context.Context, ns, id string, wanted *resource.Container) error {
	profile := profileOf(wanted)
	if err := loadProfile(profile); err != nil {
		return fmt.Errorf("start container %s: %w", id, err)
	}
	if err := c.ensureMountpoints(in(ctx, ns), id); err != nil {
		return fmt.Errorf("start container %s: %w", id, err)
	}
	err := c.updateSpec(in(ctx, ns), id, func(s *specs.Spec) bool {
		if s.Process == nil {
			return false
		}
		before := s.Process.OOMScoreAdj
		changed := s.Process.ApparmorProfile != profile || before == nil || *before != int(wanted.OOMScoreAdj)
		setProcess(s.Process, profile, wanted)
		return changed
	})
	return wrap(err, "update the spec of container %s", id)
}

// MoveOptions say what of a container follows from a path that changes.
type MoveOptions struct {
	// FilesFrom and FilesTo are the directories of the files that are mounted into it.
	FilesFrom, FilesTo string
	// HostnameFrom is replaced by HostnameTo: another one is somebody else's choice.
	HostnameFrom, HostnameTo string
	// Annotations of its OCI spec are replaced where it has them.
	Annotations map[string]string
}

// Move changes what the next tasks of a container are made from. The one that runs is not touched.
func (c *Client) Move(ctx context.Context, ns, id string, o MoveOptions) error {
	err := c.updateSpec(in(ctx, ns), id, func(s *specs.Spec) bool { return o.apply(s) })
	return wrap(err, "update the spec of container %s", id)
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

// loadProfile loads the default profile; others are the user's to load.
func loadProfile(profile string) error {
	if profile != resource.DefaultAppArmorProfile {
		return nil
	}
	return apparmor.Load(profile)
}

func setProcess(p *specs.Process, profile string, spec *resource.Container) {
	score := int(spec.OOMScoreAdj)
	p.ApparmorProfile, p.OOMScoreAdj = profile, &score
}

func withOOMScoreAdj(spec *resource.Container) oci.SpecOpts {
	return func(_ context.Context, _ oci.Client, _ *containers.Container, s *oci.Spec) error {
		score := int(spec.OOMScoreAdj)
		s.Process.OOMScoreAdj = &score
		return nil
	}
}

// SetOOMScoreAdj sets the OOM score adjustment of a container: of its running processes, except those that have chosen
// another than the first one's, and of its later tasks. A container without a task is no error.
func (c *Client) SetOOMScoreAdj(ctx context.Context, ns, id string, score int64) error {
	return wrap(c.setOOMScoreAdj(in(ctx, ns), id, score), "set the OOM score of container %s", id)
}

func (c *Client) setOOMScoreAdj(ctx context.Context, id string, score int64) error {
	err := c.updateSpec(ctx, id, func(s *specs.Spec) bool {
		if s.Process == nil {
			return false
		}
		value := int(score)
		s.Process.OOMScoreAdj = &value
		return true
	})
	if err != nil {
		return err
	}
	container, err := c.c.LoadContainer(ctx, id)
	if err != nil {
		return err
	}
	task, err := container.Task(ctx, nil)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	before, err := OOMScoreAdj(int(task.Pid()))
	if err != nil {
		return notRunning(err)
	}
	processes, err := task.Pids(ctx)
	if err != nil {
		return gone(err)
	}
	for _, p := range processes {
		if now, err := OOMScoreAdj(int(p.Pid)); err != nil || now != before {
			continue
		}
		if err := writeOOMScoreAdj(p.Pid, score); err != nil {
			return err
		}
	}
	return nil
}

// OOMScoreAdj returns the OOM score adjustment of a process, -1000 to 1000.
func OOMScoreAdj(pid int) (int64, error) {
	data, err := os.ReadFile(scoreFile(pid))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
}

func scoreFile(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/oom_score_adj" }

func writeOOMScoreAdj(pid uint32, score int64) error {
	return notRunning(os.WriteFile(scoreFile(int(pid)), []byte(strconv.FormatInt(score, 10)), 0))
}

// notRunning passes over the error about a process that has ended.
func notRunning(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// adjustOOMScore gives a process that was started in a running container the score of its spec: runc gives it that which
// the task was made with, and where it was made with none, that of containerd's shim.
func adjustOOMScore(pid uint32, spec *specs.Process) error {
	if spec.OOMScoreAdj == nil {
		return nil
	}
	want := int64(*spec.OOMScoreAdj)
	if now, err := OOMScoreAdj(int(pid)); err != nil || now == want {
		return notRunning(err)
	}
	return writeOOMScoreAdj(pid, want)
}

// startProcess starts a process in a running container, with the OOM score of its spec.
func startProcess(ctx context.Context, process containerd.Process, spec *specs.Process) error {
	if err := process.Start(ctx); err != nil {
		return err
	}
	return adjustOOMScore(process.Pid(), spec)
}
