package session

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/manifest"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
)

// Create creates the resource at p. Its spec holds fields of the manifest; the first container of a cell becomes its root.
func (s *Session) Create(ctx context.Context, p resource.Path, spec map[string]any, run RunOptions) error {
	options := planner.Options{ByHand: true, Targets: []resource.Path{p}, SubnetPool: s.SubnetPool}
	return s.run(ctx, &records{session: s, options: options, find: func(prior *state.State, _ *planner.Options) (*resource.Tree, error) {
		if prior.Records[p] != nil {
			return nil, fmt.Errorf("%s %s exists already: change it in a configuration, or delete it first", p.Kind().Lower(), p)
		}
		spec := maps.Clone(spec)
		if err := findVolumes(prior, p, spec); err != nil {
			return nil, err
		}
		if p.Kind() == resource.KindContainer && !hasContainers(prior, p.Parent()) {
			spec["root"] = true
		}
		return s.described(p, spec)
	}}, run)
}

// findVolumes replaces the names of the volumes that the container at p mounts by their paths: of recorded volumes in its stack, its
// space or its realm.
func findVolumes(prior *state.State, p resource.Path, spec map[string]any) error {
	mounts, _ := spec["volumes"].([]map[string]any)
	for _, m := range mounts {
		name, ok := m["volume"].(string)
		if !ok || strings.Contains(name, "/") {
			continue
		}
		in := p.Parent().Parent()
		for in != "" && prior.Records[in.Volume(name)] == nil {
			in = in.Parent()
		}
		if in == "" {
			stack := p.Parent().Parent()
			return fmt.Errorf("there is no volume %q in the stack %s, in its space or in its realm. Create it: kuke create volume %s. A path of the host begins with /", name, stack, stack.Volume(name))
		}
		m["volume"] = string(in.Volume(name))
	}
	return nil
}

// described returns a configuration of the one resource, read and checked as one that is written.
func (s *Session) described(p resource.Path, fields map[string]any) (*resource.Tree, error) {
	spec := maps.Clone(fields)
	for i, field := range manifest.ParentFieldsOf(p) {
		spec[field] = p.Names()[i]
	}
	text, err := manifest.Marshal(map[string]any{
		"apiVersion": resource.APIVersion, "kind": p.Kind(), "metadata": map[string]any{"name": p.Name()}, "spec": spec,
	})
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", p, err)
	}
	in := config.Text(text)
	in.Elsewhere = s.Caller != nil
	c, diags := config.Load(in)
	// Nobody wrote that text.
	for i := range diags {
		diags[i].Subject = resource.Range{}
	}
	if err := s.Report(diags); err != nil {
		return nil, err
	}
	for _, r := range c.Tree.Resources() {
		r.Declared, r.Ranges = resource.Range{}, nil
	}
	return c.Tree, nil
}

func hasContainers(prior *state.State, cell resource.Path) bool {
	for p := range prior.Records {
		if p.Parent() == cell {
			return true
		}
	}
	return false
}

// DeleteOptions select the resources that are deleted besides those that are named.
type DeleteOptions struct {
	// Cascade deletes also the resources below them.
	Cascade bool
	// Images removes also the images of realms.
	Images bool
}

// Delete destroys the recorded resources at the paths, whatever project they belong to.
func (s *Session) Delete(ctx context.Context, paths []resource.Path, o DeleteOptions, run RunOptions) error {
	options := planner.Options{ByHand: true, Destroy: true, Images: o.Images, Targets: paths}
	return s.run(ctx, &records{session: s, options: options, find: func(prior *state.State, _ *planner.Options) (*resource.Tree, error) {
		if err := CheckRecorded(prior, paths...); err != nil || o.Cascade {
			return nil, err
		}
		return nil, checkAlone(prior, paths)
	}}, run)
}

// checkAlone makes sure that nothing goes with the resources but the containers of cells. With a root container go all others
// of its cell, which must be named too.
func checkAlone(prior *state.State, paths []resource.Path) error {
	for _, p := range paths {
		if n := below(prior, p); n > 0 && p.Kind() != resource.KindCell {
			return fmt.Errorf("%s %s holds %d other resources: delete them first, or all of it with --cascade", p.Kind().Lower(), p, n)
		}
	}
	for _, p := range paths {
		if c, ok := prior.Records[p].Spec.(*resource.Container); !ok || !c.Root {
			continue
		}
		for _, q := range prior.Paths() {
			if q.Parent() == p.Parent() && !slices.Contains(paths, q) {
				return fmt.Errorf("container %s is the root of its cell, and container %s goes with it: delete that too, or use --cascade", p, q)
			}
		}
	}
	return nil
}

// below counts the resources that are recorded below p.
func below(prior *state.State, p resource.Path) int {
	n := 0
	for q := range prior.Records {
		if q != p && p.Contains(q) && !q.IsVolume() { // which are kept
			n++
		}
	}
	return n
}
