package executor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/secrets"
	"github.com/kukeon/kuke/executor/lab"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Kit holds all of this host that a lab needs to carry out a plan. It holds sensitive values, and must stay in memory.
type Kit struct {
	// StateDir is the directory of the state on this host, ContentDir that of containerd's content, without symbolic links.
	StateDir   string `json:"state_dir"`
	ContentDir string `json:"content_dir"`
	// Resources are the recorded resources to make, without containers, parents first.
	Resources  []resource.Path   `json:"resources"`
	Containers []KitContainer    `json:"containers"`
	Images     []*image.Shared   `json:"images"`
	Volumes    []KitVolume       `json:"volumes"`
	Secrets    []secrets.File    `json:"secrets"`
	Values     map[string]string `json:"values"`
	Withheld   []string          `json:"withheld"`
	// Notes are sentences about parts of this host that the lab can't have.
	Notes []string `json:"notes"`

	remotes []*image.Remote
}

// KitContainer is a container of this host.
type KitContainer struct {
	containers.Copy
	// Record is its record, or the one that the plan has for it.
	Record *state.Record `json:"record"`
	// Status is that of its task, empty where it has none.
	Status string `json:"status"`
	// Stays says that the plan neither stops nor replaces it.
	Stays bool `json:"stays"`
}

// KitVolume is a file or directory of this host that containers mount.
type KitVolume struct {
	// Source is the path in their specs, and Path the same without symbolic links.
	Source string `json:"source"`
	Path   string `json:"path"`
}

// Pack collects all of this host that a lab needs to carry out the plan with the given recorded resources. stateDir is the directory
// of the state. It changes nothing.
func (e *Executor) Pack(ctx context.Context, p *plan.Plan, prior *state.State, resources []resource.Path, stateDir string) (*Kit, error) {
	kit := &Kit{StateDir: stateDir, Resources: resources, Values: e.secrets.Values(), Withheld: e.secrets.Withheld()}
	var err error
	if kit.ContentDir, err = image.ContentDir(ctx, e.containerd); err != nil {
		return nil, err
	}
	kit.ContentDir = realPath(kit.ContentDir)
	pack := &packing{executor: e, kit: kit, changes: p.ChangesByPath(), listed: map[string]map[string]string{}, volumes: map[string]bool{}, secrets: map[string]bool{}}
	if err := pack.images(ctx, p.Images); err != nil {
		return nil, err
	}
	packed := map[[2]string]bool{} // an imported container is in a change too
	for _, r := range pack.wanted(p, prior) {
		key := [2]string{r.Status.Namespace, r.Status.ContainerID}
		if packed[key] {
			continue
		}
		packed[key] = true
		if err := pack.container(ctx, r); err != nil {
			return nil, err
		}
	}
	for _, c := range p.Changes {
		if c.After == nil {
			continue
		}
		if spec, ok := c.After.Spec.(*resource.Container); ok {
			for _, v := range spec.Volumes {
				pack.volume(v.Source)
			}
		}
	}
	sortVolumes(kit.Volumes)
	return kit, nil
}

// sortVolumes puts each volume right before those below it, see [staging.volumes].
func sortVolumes(volumes []KitVolume) {
	depth := strings.NewReplacer("/", "\x00")
	slices.SortFunc(volumes, func(a, b KitVolume) int {
		return cmp.Or(strings.Compare(depth.Replace(a.Path), depth.Replace(b.Path)), strings.Compare(a.Source, b.Source))
	})
}

// HostMounts returns the mount points that the lab has to show for the kit.
func (k *Kit) HostMounts() ([]string, error) {
	paths := []string{k.ContentDir}
	layers := map[string]bool{}
	add := func(dir string) {
		// The directory of all snapshots.
		if dir = filepath.Dir(filepath.Dir(dir)); !layers[dir] {
			layers[dir] = true
			paths = append(paths, dir)
		}
	}
	for _, i := range k.Images {
		for _, l := range i.Layers {
			add(l.Dir)
		}
	}
	for _, c := range k.Containers {
		for _, l := range c.Layers {
			add(l.Dir)
		}
	}
	for _, v := range k.Volumes {
		if lab.Isolable(v.Path) {
			paths = append(paths, v.Path)
		}
	}
	return lab.HostMounts(paths)
}

// Download is a blob that only a registry has.
type Download struct {
	Digest string
	// Size is in bytes.
	Size int64
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Downloads returns the blobs that this host lacks, each once.
func (k *Kit) Downloads() []Download {
	var all []Download
	seen := map[digest.Digest]bool{}
	for _, r := range k.remotes {
		for _, b := range r.Blobs {
			if _, err := os.Stat(image.BlobFile(k.ContentDir, b.Digest)); err == nil || seen[b.Digest] {
				continue
			}
			seen[b.Digest] = true
			all = append(all, Download{Digest: b.Digest.String(), Size: b.Size, Open: func(ctx context.Context) (io.ReadCloser, error) {
				return r.Fetch(ctx, b.Digest), nil
			}})
		}
	}
	return all
}

// packing fills a kit.
type packing struct {
	executor *Executor
	kit      *Kit
	changes  map[resource.Path]*plan.Change
	// listed holds the states of the tasks of each namespace, by the ids of their containers.
	listed           map[string]map[string]string
	volumes, secrets map[string]bool
}

func (p *packing) images(ctx context.Context, wanted []*plan.Image) error {
	for _, i := range wanted {
		if !i.Pull {
			shared, err := image.Describe(ctx, p.executor.containerd, i.Namespace, i.Reference, i.Digest)
			if err != nil {
				return err
			}
			p.kit.Images = append(p.kit.Images, shared)
			continue
		}
		remote, err := image.FindRemote(ctx, p.executor.keys(i.Namespace), i.Namespace, i.Reference, i.Digest)
		if err != nil {
			return err
		}
		p.kit.Images = append(p.kit.Images, &remote.Shared)
		p.kit.remotes = append(p.kit.remotes, remote)
	}
	return nil
}

// wanted returns the records of the containers that may be on this host: those of the cells to make, and those without a record
// that the plan adopts, replaces or imports.
func (p *packing) wanted(pl *plan.Plan, prior *state.State) []*state.Record {
	cells := map[resource.Path]bool{}
	for _, r := range p.kit.Resources {
		cells[r] = true
	}
	var all []*state.Record
	for _, at := range prior.Paths() {
		if at.Kind() == resource.KindContainer && cells[at.Parent()] {
			all = append(all, prior.Records[at])
		}
	}
	for _, c := range pl.Changes {
		if c.Path.Kind() != resource.KindContainer || prior.Records[c.Path] != nil {
			continue
		}
		if c.Before != nil {
			all = append(all, c.Before)
		} else if c.Action == plan.Adopt {
			all = append(all, c.After)
		}
	}
	for _, i := range pl.Imports {
		all = append(all, i.Record)
	}
	return all
}

func (p *packing) container(ctx context.Context, r *state.Record) error {
	status, err := p.statusOf(ctx, r.Status.Namespace, r.Status.ContainerID)
	if err != nil {
		return err
	}
	copied, spec, err := containers.CopyOf(ctx, p.executor.containerd, r.Status.Namespace, r.Status.ContainerID)
	if errdefs.IsNotFound(err) {
		return nil
	}
	if errdefs.IsNotImplemented(err) || errdefs.IsFailedPrecondition(err) {
		p.kit.Notes = append(p.kit.Notes, fmt.Sprintf("The lab has no container %s: %v.", r.Path, err))
		return nil
	}
	if err != nil {
		return err
	}
	for _, m := range spec.Mounts {
		if err := p.mount(m); err != nil {
			return err
		}
	}
	c := p.changes[r.Path]
	stays := c == nil || c.Action == plan.Update && !c.Start || c.Action == plan.Check || c.Action == plan.Record
	p.kit.Containers = append(p.kit.Containers, KitContainer{Copy: *copied, Record: r, Status: status, Stays: stays})
	return nil
}

func (p *packing) statusOf(ctx context.Context, namespace, id string) (string, error) {
	if p.listed[namespace] == nil {
		list, err := containers.List(ctx, p.executor.containerd, namespace)
		if err != nil {
			return "", err
		}
		p.listed[namespace] = map[string]string{}
		for _, c := range list {
			p.listed[namespace][c.ID] = c.Status
		}
	}
	return p.listed[namespace][id], nil
}

// mount adds the file or directory of this host that a container mounts.
func (p *packing) mount(m specs.Mount) error {
	switch {
	case m.Type != "bind" || within(m.Source, p.kit.StateDir) || p.secrets[m.Source]:
		return nil
	case !secrets.Owns(m.Source):
		p.volume(m.Source)
		return nil
	}
	p.secrets[m.Source] = true
	file, err := secrets.ReadFile(m.Source)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the start of the container says so
	}
	if err != nil {
		return fmt.Errorf("read a secret: %w", err)
	}
	p.kit.Secrets = append(p.kit.Secrets, file)
	return nil
}

func (p *packing) volume(source string) {
	source = existing(source)
	if !p.volumes[source] {
		p.volumes[source] = true
		p.kit.Volumes = append(p.kit.Volumes, KitVolume{Source: source, Path: realPath(source)})
	}
}
