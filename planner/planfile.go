package planner

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

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
	// SealKey is [Plan.Key].
	SealKey realm.SealKey `json:"seal_key,omitempty"`
}

// ErrStale says that the state is no longer the one a plan was made from.
var ErrStale = errors.New("saved plan is stale")

// Save writes the plan to a file of mode 0600, in one step.
func (p *Plan) Save(file string) error {
	data, err := json.MarshalIndent(planFile{Format: planFormat, Version: planVersion, Plan: p, SealKey: p.Key}, "", "  ")
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
	if n := len(pf.SealKey); n != 0 && n != realm.SealKeySize {
		return nil, fmt.Errorf("read the saved plan: %s: its key has %d bytes", file, n)
	}
	pf.Key = pf.SealKey
	if err := pf.check(); err != nil {
		return nil, fmt.Errorf("read the saved plan: %s: %w", file, err)
	}
	return pf.Plan, nil
}

// CheckFresh returns an error that wraps [ErrStale] when the state is not the one that p was made from, and another one
// when p has been edited, so that it doesn't say of the state what is true.
func (p *Plan) CheckFresh(st *state.State) error {
	if now := PriorOf(st); now.Fingerprint != p.Prior.Fingerprint {
		return fmt.Errorf("%w: it was made from serial %d of the state, which has changed since (now serial %d): plan again", ErrStale, p.Prior.Serial, now.Serial)
	}
	st = p.operated(st)
	changes := p.ChangesByPath()
	for _, c := range p.Changes {
		have := st.Records[c.Path]
		if have != nil && !sameRecord(have, c.Before) || have == nil && c.Before != nil && (c.Before.Status.CreatedAt != nil || c.Before.Status.Attachment != nil) {
			return fmt.Errorf("the plan does not hold the record of %s: plan again", c.Path)
		}
		if changes[c.Path.Realm()] == nil && c.After != nil && c.After.Status.Namespace != st.Namespace(c.Path, nil) {
			return fmt.Errorf("the plan puts %s into containerd namespace %s: plan again", c.Path, c.After.Status.Namespace)
		}
	}
	return nil
}

func sameRecord(a, b *state.Record) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}
