package executor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/image"
	"github.com/kukeon/kuke/executor/internal/rootfs"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// flaws looks into the images that the host has for what would keep those containers from running that are new, or differ from
// what is recorded: what a plan must say before anything is stopped.
func (r *refresh) flaws(ctx context.Context, prior *state.State) error {
	byImage := map[plan.ImageKey][]*resource.Resource{}
	var images []plan.ImageKey // in a stable order
	for _, c := range r.wanted {
		key := r.keys[c.Path]
		if !r.isMade(c, prior.Records[c.Path], r.actual.Images[key].Local) {
			continue
		}
		if byImage[key] == nil {
			images = append(images, key)
		}
		byImage[key] = append(byImage[key], c)
	}
	foreign := rootfs.ForeignFormats()
	for _, key := range images {
		err := r.flawsIn(ctx, key, byImage[key], foreign)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			// Where containerd's directories can't be mounted, as in a container that only has its socket, the steps that
			// prepare containers find what is wrong.
			slog.InfoContext(ctx, "could not look into an image", "image", key.Reference, "error", err)
		}
	}
	return nil
}

func (r *refresh) flawsIn(ctx context.Context, key plan.ImageKey, containers []*resource.Resource, foreign bool) error {
	name := r.nameOf(key)
	if name == "" {
		return nil
	}
	_, err := image.View(ctx, r.executor.containerd, key.Namespace, name, func(root string, config ocispec.ImageConfig) error {
		p := preflight{root: root, image: key.Reference, config: config, foreign: foreign}
		for _, c := range containers {
			var cell *resource.Cell
			if above := r.desired.Resource(c.Path.Parent()); above != nil {
				cell = above.Spec.(*resource.Cell)
			}
			spec := c.Spec.(*resource.Container)
			found, err := p.flaws(spec, alone(spec, cell))
			if err != nil {
				return fmt.Errorf("check container %s: %w", c.Path, err)
			}
			if len(found) > 0 {
				r.actual.Flaws[c.Path] = found
			}
		}
		return nil
	})
	return err
}

// nameOf returns a name that the image has in its namespace before the plan gives it that of the reference, or "" where it has
// none yet: then it is a part of another image, which the step that prepares the container looks into.
func (r *refresh) nameOf(key plan.ImageKey) string {
	if local := r.actual.Images[key].Local; r.local[key] != local {
		return r.named[contentKey{key.Namespace, local}]
	}
	return key.Reference
}

// alone reports whether a container of the cell, nil where that is not known, waits for no other one: else that may put into a
// volume what this one needs.
func alone(c *resource.Container, cell *resource.Cell) bool {
	return c.Root && len(c.DependsOn) == 0 && (cell == nil || len(cell.DependsOn) == 0)
}

// isMade reports whether the wanted container is made of the image with the digest, as far as can be told before planning.
func (r *refresh) isMade(want *resource.Resource, have *state.Record, digest string) bool {
	if digest == "" {
		return false
	}
	return have == nil || have.Status.ImageDigest != digest || have.Status.SpecDigest != resource.CreationDigest(want.Spec)
}

// preflight looks for flaws of containers that are made from one image.
type preflight struct {
	root, image string
	config      ocispec.ImageConfig
	foreign     bool
	// known are the flaws found so far, by what they depend on: many containers of a large configuration are alike.
	known map[string][]plan.Flaw
}

func (p *preflight) flaws(c *resource.Container, alone bool) ([]plan.Flaw, error) {
	key, err := json.Marshal([]any{alone, c.Command, c.Args, c.Env["PATH"], c.User, c.WorkingDir, c.Volumes, c.Tmpfs, c.Secrets})
	if err != nil {
		return nil, err
	}
	if found, ok := p.known[string(key)]; ok {
		return found, nil
	}
	found, awaited, err := p.look(c)
	if awaited && !alone {
		found = nil // those that it waits for may put it there
	}
	if p.known == nil {
		p.known = map[string][]plan.Flaw{}
	}
	p.known[string(key)] = found
	return found, err
}

// look looks for flaws of a container. awaited says that the only one is a program that another container may put into a volume.
func (p *preflight) look(c *resource.Container) (found []plan.Flaw, awaited bool, err error) {
	view := rootfs.New(p.root)
	found, err = p.mounts(view, c)
	if err != nil || len(found) > 0 {
		return found, false, err // without its mounts the view is not that of the container
	}
	process := rootfs.Process{Env: append(slices.Clone(p.config.Env), c.Env.Pairs()...), Dir: p.config.WorkingDir, Foreign: p.foreign}
	flawf := func(attribute, summary, format string, args ...any) {
		found = append(found, plan.Flaw{Attribute: attribute, Summary: summary, Text: fmt.Sprintf(format, args...)})
	}
	if user := cmp.Or(c.User, p.config.User); user != "" {
		if _, err := rootfs.FindUser(p.root, user); err != nil {
			flawf("user", "User not found", "is to run as user %s: %v. Use a user of image %s, or an id.", user, err, p.image)
		}
	}
	if c.WorkingDir != "" {
		process.Dir = c.WorkingDir
	}
	if flaw, err := view.DirFlaw(&process); err != nil {
		return nil, false, err
	} else if flaw != "" {
		flawf("workingDir", "Invalid working directory", "has the working directory %s, which %s. Choose a directory.", process.Dir, flaw)
		return found, false, nil
	}
	if process.Args, err = spec.Args(c, p.config); err != nil {
		flawf("image", "Nothing to run", "has nothing to run: image %s has neither an entrypoint nor a command. Set command or args.", p.image)
		return found, false, nil
	}
	if resource.IsSealed(process.Args[0]) || resource.IsSealed(c.Env["PATH"]) {
		return found, false, nil // what could be said of the value would tell of it
	}
	flaw, missing, err := view.ProgramFlaw(&process)
	awaited = missing && len(found) == 0
	if flaw != "" {
		attribute := "image"
		switch {
		case c.Command != "":
			attribute = "command"
		case len(c.Args) > 0 && len(p.config.Entrypoint) == 0:
			attribute = "args"
		}
		remedy := fmt.Sprintf("Correct the command, or use another image than %s.", p.image)
		if missing {
			remedy = "Put it into the volume, or correct the command."
		}
		flawf(attribute, "Program can't be run", "is to run %q, which %s. %s", process.Args[0], flaw, remedy)
	}
	return found, awaited, err
}

// mounts adds the mounts of the container in the order in which they are made.
func (p *preflight) mounts(view *rootfs.View, c *resource.Container) ([]plan.Flaw, error) {
	type mount struct {
		target, source, attribute, of string
		readOnly                      bool
	}
	var all []mount
	for _, v := range c.Volumes {
		all = append(all, mount{v.Target, v.Source, fmt.Sprintf("volumes[%q].target", v.Target), v.Source, v.ReadOnly})
	}
	for _, t := range c.Tmpfs {
		all = append(all, mount{t.Path, "", fmt.Sprintf("tmpfs[%q].path", t.Path), "a tmpfs", false})
	}
	for _, s := range c.Secrets {
		const anyFile = "/dev/null" // the secret's own may not be there yet
		all = append(all, mount{s.Target(), anyFile, fmt.Sprintf("secrets[%q].mountPath", s.Name), "the secret " + s.Name, true})
	}
	slices.SortStableFunc(all, func(a, b mount) int { return strings.Compare(a.target, b.target) })
	var found []plan.Flaw
	for _, m := range all {
		flaw, err := view.Mount(m.target, m.source, m.readOnly)
		if err != nil {
			return nil, err
		}
		if flaw != "" {
			found = append(found, plan.Flaw{Attribute: m.attribute, Summary: "Mount not possible",
				Text: fmt.Sprintf("mounts %s at %s, which %s. Choose another path in the container, or another source.", m.of, m.target, flaw)})
		}
	}
	return found, nil
}
