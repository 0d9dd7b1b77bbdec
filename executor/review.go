package executor

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/snapshot"
	"github.com/kukeon/kuke/planner/plan"
)

// Limits of [Executor.Facts]: a plan does not wait long for facts that it can do without.
const (
	factsTimeout     = 10 * time.Second
	factsParallelism = 8
)

// Facts looks at the containers that the plan deletes or replaces, at the resources whose limits it lowers, and at the images that it
// pulls. actual is the host as the plan was made for it. Facts changes nothing; a fact that can't be had is missing.
func (e *Executor) Facts(ctx context.Context, p *plan.Plan, actual *plan.Actual) plan.Facts {
	ctx, cancel := context.WithTimeout(ctx, factsTimeout)
	defer cancel()
	f := &facts{executor: e, found: plan.Facts{Files: map[resource.Path]plan.Files{}, Use: map[resource.Path]plan.Use{}, Sizes: map[string]int64{}}}
	f.work.SetLimit(factsParallelism)
	for _, c := range p.Changes {
		if c.Path.Kind() == resource.KindContainer && (c.Action == plan.Delete || c.Action == plan.Replace) && c.Before != nil {
			f.look(ctx, "files of container "+string(c.Path), func() error { return f.files(ctx, c) })
		}
		if memory, pids := c.Lowers(actual); memory || pids {
			f.look(ctx, "use of "+string(c.Path), func() error { return f.use(c) })
		}
	}
	asked := map[string]bool{}
	for _, i := range p.Images {
		if i.Pull && !asked[i.Digest] {
			asked[i.Digest] = true
			f.look(ctx, "size of image "+i.Reference, func() error { return f.size(ctx, i) })
		}
	}
	_ = f.work.Wait() // no look fails
	return f.found
}

// facts collects facts in several goroutines.
type facts struct {
	executor *Executor
	work     errgroup.Group
	mu       sync.Mutex
	found    plan.Facts
}

// look finds a fact. An error is logged: nothing but the review lacks the fact.
func (f *facts) look(ctx context.Context, about string, find func() error) {
	f.work.Go(func() error {
		if err := find(); err != nil {
			slog.InfoContext(ctx, "a fact for the review is missing", "about", about, "error", err)
		}
		return nil
	})
}

func (f *facts) files(ctx context.Context, c *plan.Change) error {
	var carried []string
	for _, files := range c.Carried {
		carried = append(carried, files.From)
	}
	u, err := snapshot.UsageOf(ctx, f.executor.containerd, c.Before.Status.Namespace, c.Before.Status.ContainerID, carried...)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found.Files[c.Path] = plan.Files(u)
	return nil
}

func (f *facts) use(c *plan.Change) error {
	group := c.Before.Status.Cgroup
	memory, err := f.executor.cgroups.Pressing(group)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	u, err := f.executor.cgroups.Usage(group)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found.Use[c.Path] = plan.Use{Memory: memory, PIDs: u.PIDs}
	return nil
}

func (f *facts) size(ctx context.Context, i *plan.Image) error {
	size, err := image.Size(ctx, f.executor.keys(i.Namespace), i.Reference, i.Digest)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found.Sizes[i.Digest] = size
	return nil
}
