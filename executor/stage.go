package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/attachment"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/namespace"
	"github.com/kukeon/kuke/executor/internal/netns"
	"github.com/kukeon/kuke/executor/internal/task"
	"github.com/kukeon/kuke/executor/lab"
	"github.com/kukeon/kuke/planner/graph"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// readyTime limits the wait for the healthcheck of a container that ran before the plan.
const readyTime = 30 * time.Second

// readyInterval is the time between two of its checks.
const readyInterval = 200 * time.Millisecond

// Stage makes the resources of the kit in this lab as they were on their host: prior holds their records, which the store has too.
// stateDir is the directory of the store, and downloads that with the blobs of [Kit.Downloads], each in a file named after its digest. Stage returns
// notes, sentences about resources that are not in the lab as they were on the host. An error says that the lab is of no use.
//
// The records are left as the steps of the host's start leave them: the caller restores them.
func (e *Executor) Stage(ctx context.Context, kit *Kit, prior *state.State, stateDir, downloads string) (notes []string, err error) {
	e.secrets.Learn(kit.Values)
	e.secrets.Withhold(kit.Withheld)
	s := &staging{executor: e, kit: kit, prior: prior, stateDir: stateDir}
	if err := s.volumes(); err != nil {
		return nil, err
	}
	for _, f := range kit.Secrets {
		if err := f.Restore(); err != nil {
			return nil, fmt.Errorf("give the lab a secret: %w", err)
		}
	}
	for _, i := range kit.Images {
		if err := e.shareImage(ctx, kit, i, downloads); err != nil {
			return nil, err
		}
	}
	for _, at := range kit.Resources {
		if err := s.resource(ctx, prior.Records[at]); err != nil {
			return nil, fmt.Errorf("make %s in the lab: %w", at, err)
		}
	}
	if err := s.cells(ctx); err != nil {
		return nil, err
	}
	return s.notes(), nil
}

func (e *Executor) shareImage(ctx context.Context, kit *Kit, i *image.Shared, downloads string) error {
	place := func(d digest.Digest) string {
		file := filepath.Join(downloads, d.Encoded())
		if _, err := os.Stat(file); err == nil {
			return file
		}
		return shown(image.BlobFile(kit.ContentDir, d))
	}
	return i.Share(ctx, e.containerd, place, shown)
}

// shown returns the path at which the lab shows a file of the host.
func shown(path string) string { return filepath.Join(lab.HostDir, path) }

// staging makes the resources of a kit.
type staging struct {
	executor *Executor
	kit      *Kit
	prior    *state.State
	stateDir string // of the lab
	// found are the notes about volumes; told those about each cell, by its number.
	found []string
	told  [][]string
}

func (s *staging) notes() []string {
	all := append(slices.Clone(s.kit.Notes), s.found...)
	for _, notes := range s.told {
		all = append(all, notes...)
	}
	return all
}

// volumes isolates the files and directories of the host that containers mount. One below another is in the snapshot of that.
func (s *staging) volumes() error {
	last := ""
	for _, v := range s.kit.Volumes {
		if !lab.Isolable(v.Path) {
			continue
		}
		if last == "" || !within(v.Path, last) {
			done, err := lab.Isolate(v.Path)
			if err != nil {
				return err
			}
			switch done {
			case lab.Snapshot:
				last = v.Path
			case lab.Emptied:
				s.found = append(s.found, fmt.Sprintf("Volume %s is empty in the lab: its file system allows no snapshot, or it has too many files.", v.Source))
			case lab.ReadOnly:
				s.found = append(s.found, fmt.Sprintf("Volume %s is read-only in the lab: the file is too large for a copy.", v.Source))
			case lab.Deaf:
				s.found = append(s.found, fmt.Sprintf("Volume %s is a socket, on which nobody listens in the lab.", v.Source))
			}
		}
		if err := link(v); err != nil {
			return fmt.Errorf("isolate %s in the lab: %w", v.Source, err)
		}
	}
	return nil
}

// link makes a symbolic link of the host in the lab where that lacks it.
func link(v KitVolume) error {
	if _, err := os.Stat(v.Source); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(v.Source), 0o755); err != nil {
		return err
	}
	return os.Symlink(v.Path, v.Source)
}

// resource makes a realm, a space, a stack or a cell, without containers, or a volume.
func (s *staging) resource(ctx context.Context, r *state.Record) error {
	e := s.executor
	switch r.Path.Kind() {
	case resource.KindRealm:
		if err := namespace.Ensure(ctx, e.containerd, r.Status.Namespace, labels(r)); err != nil {
			return err
		}
	case resource.KindCell:
		return cellKind{executor: e, names: plan.NamesOf(s.prior)}.make(r)
	case resource.KindVolume:
		if v := r.Spec.(*resource.Volume); v.Path != "" || v.DriverOpts != nil {
			return nil // its containers are not started, see [Executor.mountsBeyond]
		}
		s.found = append(s.found, fmt.Sprintf("Volume %s is empty in the lab.", r.Path))
		err := volumeKind{e}.make(r, new(resource.Volume))
		return err
	}
	if err := e.makeCgroup(r); err != nil {
		return err
	}
	if r.Status.Network == nil {
		return nil
	}
	wanted, err := attachment.OfSpace(r)
	if err != nil {
		return err
	}
	_, err = e.networks.Create(wanted)
	return err
}

// cells makes the containers, cell by cell in the order of their dependencies.
func (s *staging) cells(ctx context.Context) error {
	var paths []resource.Path
	members := map[resource.Path][]KitContainer{}
	for _, c := range s.kit.Containers {
		cell := c.Record.Path.Parent()
		if members[cell] == nil {
			paths = append(paths, cell)
		}
		members[cell] = append(members[cell], c)
	}
	place := map[resource.Path]int{}
	for i, cell := range paths {
		place[cell] = i
	}
	g := graph.New(len(paths))
	for i, cell := range paths {
		for _, d := range s.prior.Records[cell].CellDependencies() {
			if on, ok := place[resource.Path(d.Name)]; ok {
				g.Wait(i, on)
			}
		}
	}
	s.told = make([][]string, len(paths))
	g.Walk(ctx, graph.WalkOptions{Parallel: DefaultParallelism}, func(ctx context.Context, i int) error {
		s.told[i] = s.cell(ctx, paths[i], members[paths[i]])
		return nil
	})
	return ctx.Err()
}

// cell makes the containers of a cell, and returns notes about those that do not run as on the host.
func (s *staging) cell(ctx context.Context, cell resource.Path, members []KitContainer) (notes []string) {
	e := s.executor
	runs := slices.ContainsFunc(members, func(c KitContainer) bool { return c.runs() })
	if r := s.prior.Records[cell]; runs && r != nil && r.Status.Attachment != nil {
		if err := (cellKind{executor: e}).open(ctx, cell); err != nil {
			return []string{fmt.Sprintf("Cell %s does not run in the lab: %v.", cell, err)}
		}
	}
	for _, c := range inOrder(members) {
		if err := s.container(ctx, c); err != nil {
			notes = append(notes, fmt.Sprintf("Container %s does not run in the lab as on this host: %v.", c.Record.Path, e.secrets.Redact(err)))
		} else if c.runs() && c.Stays && e.withheld(c.Record) {
			notes = append(notes, fmt.Sprintf("Container %s does not run in the lab: %s.", c.Record.Path, WithheldFrom(c.Record.Spec.(*resource.Container))))
		}
	}
	return notes
}

func (c *KitContainer) runs() bool {
	return c.Status == containers.StatusRunning || c.Status == containers.StatusPaused || c.Status == containers.StatusPausing
}

// inOrder returns the containers of a cell, the root container first and each after those that it depends on.
func inOrder(members []KitContainer) []KitContainer {
	place := map[string]int{}
	root := -1
	for i, c := range members {
		place[c.Record.Path.Name()] = i
		if c.Record.Spec.(*resource.Container).Root {
			root = i
		}
	}
	g := graph.New(len(members))
	for i, c := range members {
		if i != root && root >= 0 {
			g.Wait(i, root)
		}
		for _, d := range c.Record.Spec.(*resource.Container).DependsOn {
			if on, ok := place[d.Name]; ok && i != root {
				g.Wait(i, on)
			}
		}
	}
	order, err := g.Order()
	if err != nil {
		return members // records have no cycles
	}
	sorted := make([]KitContainer, len(order))
	for at, i := range order {
		sorted[at] = members[i]
	}
	return sorted
}

// container makes a container and, where its task ran on the host, starts it and waits for its healthcheck.
func (s *staging) container(ctx context.Context, c KitContainer) error {
	e, r := s.executor, c.Record
	if err := c.Make(ctx, e.containerd, s.adapt, shown); err != nil || !c.runs() {
		return err
	}
	if err := e.store.MakeDir(r.Path); err != nil {
		return err
	}
	k := containerKind{e}
	running := *r
	running.Status.Run = "" // of a paused one
	if err := k.start(ctx, &running); err != nil {
		return err
	}
	if c.Status != containers.StatusRunning {
		return task.Pause(ctx, e.containerd, r.Status.Namespace, r.Status.ContainerID)
	}
	if check := r.Healthcheck(); check != nil && c.Stays {
		return k.ready(ctx, r, check)
	}
	return nil
}

// ready waits until the healthcheck succeeds, without regard to its interval.
func (k containerKind) ready(ctx context.Context, r *state.Record, check *resource.Healthcheck) error {
	if k.executor.withheld(r) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	for {
		err := k.probe(ctx, r, check)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it was not healthy after %s: %w", readyTime, err)
		case <-time.After(readyInterval):
		}
	}
}

// adapt changes the spec of a container of the host to one of the lab.
func (s *staging) adapt(spec *specs.Spec) {
	for i, m := range spec.Mounts {
		if rest, ok := strings.CutPrefix(m.Source, strings.TrimSuffix(s.kit.StateDir, "/")+"/"); ok && m.Type == "bind" {
			spec.Mounts[i].Source = filepath.Join(s.stateDir, rest)
		}
	}
	if spec.Process != nil {
		spec.Process.ApparmorProfile = "" // a lab enforces none
	}
	if spec.Linux == nil {
		return
	}
	for i, ns := range spec.Linux.Namespaces {
		if ns.Path != "" && !within(ns.Path, netns.Dir) {
			spec.Linux.Namespaces[i].Path = "" // of an imported container
		}
	}
	s.executor.cgroups.Reduce(spec.Linux.Resources)
}
