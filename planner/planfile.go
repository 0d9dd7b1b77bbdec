package planner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/google/renameio/v2"

	"github.com/kukeon/kuke/config/realm"
	"github.com/kukeon/kuke/planner/state"
)

// planFormat marks a file as a plan; planVersion is the version written, and the only one read.
const (
	planFormat  = "kuke-plan"
	planVersion = 1
)

type planFile struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	*Plan
}

// ErrStale says that the state is no longer the one a plan was made from.
var ErrStale = errors.New("saved plan is stale")

// Save writes the plan to a file of mode 0600, in one step.
func (p *Plan) Save(file string) error {
	data, err := json.MarshalIndent(planFile{Format: planFormat, Version: planVersion, Plan: p}, "", "  ")
	if err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	const private fs.FileMode = 0o600
	if err := renameio.WriteFile(file, append(data, '\n'), private); err != nil {
		return fmt.Errorf("save the plan: %w", err)
	}
	return nil
}

// LoadPlan reads a plan that [Plan.Save] wrote.
func LoadPlan(file string) (*Plan, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the saved plan: %w", err)
	}
	var header struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(data, &header); err != nil || header.Format != planFormat {
		return nil, fmt.Errorf("read the saved plan: %s is not a plan: make one with kuke plan --out FILE", file)
	}
	if header.Version != planVersion {
		return nil, fmt.Errorf("read the saved plan: %s has version %d, this kuke reads version %d: plan again", file, header.Version, planVersion)
	}
	pf := planFile{Plan: new(Plan)}
	if err := json.Unmarshal(data, &pf); err != nil {
		return nil, fmt.Errorf("read the saved plan: %s: %w", file, err)
	}
	if err := pf.check(); err != nil {
		return nil, fmt.Errorf("read the saved plan: %s: %w", file, err)
	}
	return pf.Plan, nil
}

// actionsOf holds the actions that each operation on a resource can be part of.
var actionsOf = map[Op][]Action{
	OpCreate: {Create, Replace}, OpUpdate: {Update}, OpDelete: {Delete, Replace}, OpAdopt: {Adopt},
	OpStop: {Restart, Update}, OpStart: {Start, Restart, Update},
}

// check makes sure that steps and changes fit together, so that a damaged file can't lead the executor astray.
func (p *Plan) check() error {
	for i, c := range p.Changes {
		if err := c.check(); err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
	}
	for i, image := range p.Images {
		if image == nil {
			return fmt.Errorf("image %d is missing", i)
		}
	}
	changes := p.ChangesByPath()
	for i, s := range p.Steps {
		for _, on := range s.After {
			if on < 0 || on >= i {
				return fmt.Errorf("step %d waits for step %d", i, on)
			}
		}
		if s.Op == OpImage {
			if s.Image == nil {
				return fmt.Errorf("step %d has no image", i)
			}
			continue
		}
		c := changes[s.Path]
		if c == nil || !slices.Contains(actionsOf[s.Op], c.Action) {
			return fmt.Errorf("step %d (%s %s) has no change", i, s.Op, s.Path)
		}
		if (s.Op == OpStart || s.Op == OpStop) && s.Path.Kind() != realm.KindContainer {
			return fmt.Errorf("step %d: can't %s a %s", i, s.Op, s.Path.Kind().Lower())
		}
	}
	return nil
}

// check makes sure that c is of a known kind and about one resource.
func (c *Change) check() error {
	if c == nil {
		return errors.New("it is missing")
	}
	if _, err := realm.ParsePath(string(c.Path)); err != nil {
		return err
	}
	for _, r := range []*state.Record{c.Before, c.After} {
		if r != nil && r.Path != c.Path {
			return fmt.Errorf("%s has a record of %q", c.Path, r.Path)
		}
	}
	var complete bool
	switch c.Action {
	case Create, Adopt:
		complete = c.After != nil
	case Delete:
		complete = c.Before != nil && c.After == nil
	case Update, Replace, Start, Restart:
		complete = c.Before != nil && c.After != nil
	default:
		return fmt.Errorf("%s has the unknown action %q", c.Path, c.Action)
	}
	if !complete {
		return fmt.Errorf("%s lacks a record to %s it", c.Path, c.Action)
	}
	return nil
}

// CheckFresh returns an error that wraps [ErrStale] when the state is not the one that p was made from.
func (p *Plan) CheckFresh(st *state.State) error {
	if now := PriorOf(st); now.Fingerprint != p.Prior.Fingerprint {
		return fmt.Errorf("%w: it was made from serial %d of the state, which has changed since (now serial %d): plan again", ErrStale, p.Prior.Serial, now.Serial)
	}
	return nil
}
