package executor

import (
	"context"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// UseKey takes the key that a saved plan brings. It comes before [Executor.Seal]. The error wraps [plan.ErrStale]
// when the state has got another key since.
func (e *Executor) UseKey(key resource.SealKey) error { return e.secrets.UseKey(key) }

// Seal puts sealed texts into the tree for all that is sensitive, and reads the values of secrets. Those that can't be
// read are told by [Executor.Refresh]. It comes before planning.
func (e *Executor) Seal(tree *resource.Tree) error {
	for _, r := range containersOf(tree) {
		sealed, err := e.secrets.SealContainer(r)
		if err != nil {
			return err
		}
		r.Spec = sealed
	}
	return nil
}

// PlanKey returns the key that the plan's values are sealed with, if applying it must give the state that key.
func (e *Executor) PlanKey(p *plan.Plan) resource.SealKey { return e.secrets.PlanKey(p) }

// Provide makes sure that all values are at hand which it takes to carry out the plan. Secrets are read again where they
// must be; other values are those that [Executor.Seal] was given. Nothing is changed.
func (e *Executor) Provide(p *plan.Plan) error { return e.secrets.Provide(p) }

// Reseal returns the records of prior that hold values sealed with a key that is lost, with those values sealed again that
// their containers still have: a plan then tells what has changed, and not that all has.
func (e *Executor) Reseal(ctx context.Context, prior *state.State) ([]*state.Record, error) {
	var resealed []*state.Record
	digests := map[[2]string]string{} // of what containers were made from, by namespace and id
	listed := map[string]bool{}
	for _, p := range prior.Paths() {
		r := prior.Records[p]
		if p.Kind() != resource.KindContainer || !slices.ContainsFunc(resource.Leaves(r.Spec), resource.Leaf.Sealed) {
			continue
		}
		if lost, err := e.secrets.KeyLost(); err != nil || !lost {
			return nil, err
		}
		namespace, id := r.Status.Namespace, r.Status.ContainerID
		if !listed[namespace] {
			list, err := containers.List(ctx, e.containerd, namespace)
			if err != nil {
				return nil, err
			}
			for _, c := range list {
				digests[[2]string{namespace, c.ID}] = c.Labels[plan.LabelSpecDigest]
			}
			listed[namespace] = true
		}
		if digest, found := digests[[2]string{namespace, id}]; !found || digest != r.Status.SpecDigest {
			continue // it is made again in any case
		}
		spec, err := containers.Spec(ctx, e.containerd, namespace, id)
		if err != nil {
			return nil, err
		}
		again := *r
		if again.Spec, err = e.secrets.Reseal(p, id, r.Spec.(*resource.Container), spec.Process); err != nil {
			return nil, err
		}
		resealed = append(resealed, &again)
	}
	return resealed, nil
}

// writeSecrets makes the files of the container's secrets, or puts them right in place: they are mounted into it. The
// container is there, which tells whom they belong to.
func (k containerKind) writeSecrets(ctx context.Context, r *state.Record) error {
	if len(r.Spec.(*resource.Container).Secrets) == 0 {
		return nil
	}
	spec, err := containers.Spec(ctx, k.executor.containerd, r.Status.Namespace, r.Status.ContainerID)
	if err != nil {
		return err
	}
	uid, gid := 0, 0
	if spec.Process != nil {
		uid, gid = int(spec.Process.User.UID), int(spec.Process.User.GID)
	}
	return k.executor.secrets.Write(r, uid, gid)
}

// secretFiles notes what is wrong with the files of recorded secrets.
func (r *refresh) secretFiles(prior *state.State) error {
	for p, record := range prior.Records {
		c, ok := record.Spec.(*resource.Container)
		if !ok {
			continue
		}
		for _, s := range c.Secrets {
			what, err := r.executor.secrets.Drift(record, s)
			if err != nil {
				return err
			}
			if what != "" {
				r.actual.SecretDrift[p] = append(r.actual.SecretDrift[p], what)
			}
		}
	}
	return nil
}
