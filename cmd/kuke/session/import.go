package session

import (
	"context"
	"fmt"
	"time"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/state"
	"github.com/kukeon/kuke/planner/state/history"
)

// Import records a container that kuke did not make as the one at p, and returns the configuration that describes it, also
// with an error after the record was written. The namespace is that of the realm; where it is not empty, it is compared with it.
func (s *Session) Import(ctx context.Context, p resource.Path, namespace, id string, lockTimeout time.Duration) (text string, err error) {
	err = s.changeHost(ctx, lockTimeout, func(w *world, begin announce) error {
		if err := planner.CheckImport(w.prior, p, namespace, id); err != nil {
			return err
		}
		// It goes with its cell, as long as nobody says otherwise.
		project := s.Project
		if cell := w.prior.Records[p.Parent()]; project == "" && cell != nil {
			project = cell.Status.Project
		}
		var record *state.Record
		if record, text, err = foreign(ctx, w, p, id, project, nil); err != nil {
			return err
		}
		if err = begin(history.Counts{"imported": 1}); err == nil {
			err = w.exec.Import(ctx, record)
		}
		if err != nil {
			text = ""
		}
		return err
	})
	return text, err
}

// foreign returns the record of a container of others as the one at p, where [planner.CheckImport] allows that, with the
// sensitive leaves sealed, and its configuration as text.
func foreign(ctx context.Context, w *world, p resource.Path, id, project string, sensitive map[string]bool) (*state.Record, string, error) {
	found, err := w.exec.Inspect(ctx, w.prior.Namespace(p, nil), id, p.Parent())
	if err != nil {
		return nil, "", err
	}
	if err := planner.CheckImportLabels(id, found.Labels); err != nil {
		return nil, "", err
	}
	spec, text, err := written(p, id, found)
	if err != nil {
		return nil, "", err
	}
	if len(sensitive) > 0 {
		r := &resource.Resource{Path: p, Spec: spec, Sensitive: sensitive}
		tree := resource.NewTree()
		tree.Add(r)
		if err := w.exec.Seal(tree); err != nil {
			return nil, "", err
		}
		spec = r.Spec.(*resource.Container)
	}
	return planner.Imported(w.prior, p, id, project, spec, found.ImageDigest, found.CreatedAt), text, nil
}

// written returns the configuration of a container that was found, as text and as that is read again.
func written(p resource.Path, id string, found *executor.Found) (*resource.Container, string, error) {
	if found.Spec.Image == "" {
		return nil, "", fmt.Errorf("container %q was made from no image: a configuration can't put that", id)
	}
	tree := resource.NewTree()
	tree.Add(&resource.Resource{Path: p, Spec: found.Spec})
	text := config.EncodeHCL(tree)
	again, diags := config.Load(config.Text(text))
	if diags.HasErrors() {
		for i := range diags {
			diags[i].Subject = resource.Range{} // nobody wrote that text
		}
		return nil, "", fmt.Errorf("container %q can't be put in a configuration: %w", id, diags)
	}
	for _, lost := range found.Lost {
		text = append(text, []byte("# Not in the configuration, and lost when it is replaced: "+lost+".\n")...)
	}
	return again.Tree.Resource(p).Spec.(*resource.Container), string(text), nil
}
