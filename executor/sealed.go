package executor

import (
	"context"
	"slices"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/configs"
	"github.com/kukeon/kuke/executor/internal/containers"
	"github.com/kukeon/kuke/executor/internal/observe"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// UseKey sets the key of a saved plan. Call it before [Executor.Seal]. The error wraps [plan.ErrStale] when the state has
// another key now.
func (e *Executor) UseKey(key resource.SealKey) error { return e.secrets.UseKey(key) }

// Seal replaces all sensitive values in the tree by sealed texts, and reads the values of secrets. Pulls use the credentials of its realms. [Executor.Refresh]
// reports those that can't be read. Call it before planning.
func (e *Executor) Seal(tree *resource.Tree) error {
	if tree != nil {
		e.secrets.Withhold(tree.Withheld)
		for _, r := range tree.Resources() {
			if _, ok := r.Spec.(*resource.Realm); !ok {
				continue
			}
			if err := e.sealRealm(r); err != nil {
				return err
			}
		}
	}
	for _, r := range observe.Containers(tree) {
		sealed, err := e.secrets.SealContainer(r)
		if err != nil {
			return err
		}
		r.Spec = sealed
	}
	return nil
}

// PlanKey returns the key that the plan's values are sealed with, if apply must save it in the state.
func (e *Executor) PlanKey(p *plan.Plan) resource.SealKey { return e.secrets.PlanKey(p) }

// Provide checks that every value is known that carrying out the plan takes. It reads secrets again where necessary; other
// values are those given to [Executor.Seal]. It changes nothing.
func (e *Executor) Provide(p *plan.Plan) error { return e.secrets.Provide(p) }

// Reseal returns the records of prior that hold values sealed with a lost key, with the values sealed again that their
// containers still have: then a plan shows only real changes.
func (e *Executor) Reseal(ctx context.Context, prior *state.State) ([]*state.Record, error) {
	var resealed []*state.Record
	digests := map[[2]string]string{} // spec digests of containers, by namespace and id
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
			continue // it is replaced in any case
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

// writeFiles writes the files of the container's configs and secrets in place: they are mounted into it. The container exists,
// and its spec names their owner.
func (k containerKind) writeFiles(ctx context.Context, r *state.Record) error {
	c := r.Spec.(*resource.Container)
	if len(c.Secrets)+len(c.Configs) == 0 {
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
	if err := configs.Write(k.executor.store, r, uid, gid); err != nil || len(c.Secrets) == 0 {
		return err
	}
	return k.executor.secrets.Write(r, uid, gid)
}
