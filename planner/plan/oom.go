package plan

import (
	"fmt"

	units "github.com/docker/go-units"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// OOM holds the OOM counters of a cgroup since its creation.
type OOM struct {
	// Kills counts the processes that the kernel killed in the cgroup and below it; in v1 in the cgroup alone.
	Kills int64
	// Hits counts how often the cgroup's own limit refused memory to its processes or to those below; HitsBelow adds the
	// limits below it, except in v1.
	Hits, HitsBelow int64
}

// Killed counts the processes of a container that the kernel killed because memory ran out.
type Killed struct {
	// Processes counts the processes of its last run. Earlier counts those of the runs before it, since kuke last changed
	// the container, as far as the cgroup of its cell counts them.
	Processes, Earlier int64
	// Level is the resource whose memory limit was hit, the container or one above it; empty where the host ran out of
	// memory. Limit is that limit in bytes, 0 where it isn't known.
	Level resource.Path
	Limit int64

	path resource.Path
}

// Since returns k without the processes of its last run that an earlier count, before, included; nil where none is left. A
// larger count before means that another run has begun.
func (k *Killed) Since(before *Killed) *Killed {
	if k == nil || k.Processes == 0 {
		return nil
	}
	fresh := *k
	if before != nil && before.Processes <= k.Processes {
		fresh.Processes -= before.Processes
	}
	if fresh.Processes == 0 {
		return nil
	}
	return &fresh
}

// Cause names the memory that ran out: "memory limit 16 MiB", with the resource of the limit unless it is the container.
func (k *Killed) Cause() string {
	if k.Level == "" {
		return "the host ran out of memory"
	}
	text := "memory limit"
	if k.Limit > 0 {
		text += " " + sizeText(k.Limit)
	}
	if k.Level != k.path {
		text += fmt.Sprintf(" of %s %s", k.Level.Kind().Lower(), k.Level)
	}
	return text
}

// String returns the number of killed processes and the cause: "1 process killed by the kernel: memory limit 16 MiB".
func (k *Killed) String() string {
	if k.Processes == 0 {
		return fmt.Sprintf("%s of earlier runs killed by the kernel: %s", processes(k.Earlier), k.Cause())
	}
	return fmt.Sprintf("%s killed by the kernel: %s", processes(k.Processes), k.Cause())
}

// sigkilled is the exit code of a process that was killed.
const sigkilled = 128 + 9

// OOMKills finds the processes of containers that the kernel killed because memory ran out.
type OOMKills struct {
	prior  *state.State
	actual *Actual
	// cells is made once it is needed.
	cells map[resource.Path]*cellKills
}

// In returns the killed processes of the recorded container p, nil if there are none.
func (o *OOMKills) In(p resource.Path) *Killed {
	r := o.prior.Records[p]
	own := o.actual.OOM[r.Status.Cgroup]
	k := &Killed{path: p, Processes: own.Kills}
	hit := own.HitsBelow > 0
	if k.Processes == 0 {
		k.Earlier, hit = o.earlier(r)
	}
	if k.Processes == 0 && k.Earlier == 0 {
		return nil
	}
	if hit {
		k.Level = p
	}
	for q := p.Parent(); q != "" && k.Level == ""; q = q.Parent() {
		if above := o.prior.Records[q]; above != nil && o.actual.OOM[above.Status.Cgroup].Hits > 0 {
			k.Level = q
		}
	}
	if level := o.prior.Records[k.Level]; level != nil {
		k.Limit = o.actual.Cgroups[level.Status.Cgroup].Memory
		if k.Limit == 0 {
			k.Limit = resource.ResourcesOf(level.Spec).Memory
		}
	}
	return k
}

// earlier returns the number of processes killed in earlier runs of the container, which containerd's restart monitor has
// started again, and whether the container's own limit was hit. The cgroup of an earlier run is gone, but the cgroup of the
// cell still counts it. With several restarting containers, the cell's counter names none of them.
func (o *OOMKills) earlier(r *state.Record) (kills int64, hit bool) {
	c := o.actual.Container(r.Status.Namespace, r.Status.ContainerID)
	cell := o.prior.Records[r.Path.Parent()]
	// A task that started before kuke last changed the container has no earlier run that counts.
	if c == nil || cell == nil || r.Status.UpdatedAt == nil || !c.StartedAt.After(*r.Status.UpdatedAt) || !restarts(r) {
		return 0, false
	}
	all := o.actual.OOM[cell.Status.Cgroup]
	if all.Kills == 0 {
		return 0, false
	}
	now := o.cell(cell.Path)
	if now.restarting > 1 {
		return 0, false
	}
	return max(0, all.Kills-now.kills), all.HitsBelow-all.Hits-now.hitsBelow > 0
}

// cell returns the counters of the containers of a cell, from one pass over all records for all cells.
func (o *OOMKills) cell(p resource.Path) *cellKills {
	if o.cells == nil {
		o.cells = map[resource.Path]*cellKills{}
		for p, r := range o.prior.Records {
			if p.Kind() != resource.KindContainer {
				continue
			}
			c := o.cells[p.Parent()]
			if c == nil {
				c = &cellKills{}
				o.cells[p.Parent()] = c
			}
			now := o.actual.OOM[r.Status.Cgroup]
			c.kills += now.Kills
			c.hitsBelow += now.HitsBelow
			if restarts(r) {
				c.restarting++
			}
		}
	}
	return o.cells[p]
}

// cellKills is the sum of the counters of the containers of a cell.
type cellKills struct {
	kills, hitsBelow int64
	// restarting counts the containers that containerd starts again when they end.
	restarting int
}

// NewOOMKills returns the finder for the containers of prior. prior must hold their parents, and for earlier runs the other
// containers of their cells; actual must hold the cgroups of all these.
func NewOOMKills(prior *state.State, actual *Actual) *OOMKills {
	return &OOMKills{prior: prior, actual: actual}
}

// restarts reports whether containerd is to start the container again when it ends.
func restarts(r *state.Record) bool {
	policy := r.Spec.(*resource.Container).RestartPolicy
	return policy != "" && policy != "no"
}

// sizeText spells a size with its unit apart, as in a sentence.
func sizeText(n int64) string {
	return units.CustomSize("%.4g %s", float64(n), 1024, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"})
}

func processes(n int64) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// ExitText is the detail of a container that exited with the code; k is nil where the kernel killed no process of it, and
// byUser says that a user killed it.
func ExitText(code uint32, k *Killed, byUser bool) string {
	switch {
	case k == nil || k.Processes == 0:
		return fmt.Sprint(code)
	case code == sigkilled && !byUser:
		return fmt.Sprintf("%d, killed by the kernel: %s", code, k.Cause())
	}
	return fmt.Sprintf("%d, %s", code, k)
}

// ExitReason describes the exit of a container, as the reason of a change; k is nil if the kernel killed none of its
// processes.
func ExitReason(code uint32, k *Killed) string {
	switch {
	case k == nil || k.Processes == 0:
		return fmt.Sprintf("it exited with code %d", code)
	case code == sigkilled:
		return fmt.Sprintf("it was killed by the kernel: %s (exit code %d)", k.Cause(), code)
	}
	return fmt.Sprintf("it exited with code %d, after the kernel killed %s of it: %s", code, processes(k.Processes), k.Cause())
}
