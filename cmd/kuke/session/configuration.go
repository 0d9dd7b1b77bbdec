package session

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// Load reads the configuration, which may take seconds, and gives up when ctx ends. Then [config.Input.Ask] may still be called
// for a moment.
func (s *Session) Load(ctx context.Context, in config.Input) (*config.Configuration, resource.Diagnostics, error) {
	var c *config.Configuration
	var diags resource.Diagnostics
	done := make(chan error, 1)
	go func() { done <- s.within(&in, func() { c, diags = config.Load(in) }) }()
	select {
	case <-ctx.Done():
		return nil, nil, ErrInterrupted
	case err := <-done:
		if err != nil {
			return nil, nil, err
		}
		s.Sources = c.Sources
		return c, diags, nil
	}
}

// within calls fn where the files of the configuration are, and sets the home directory and the environment variables of
// the user.
func (s *Session) within(in *config.Input, fn func()) error {
	if s.Caller == nil {
		fn()
		return nil
	}
	in.Home, in.Elsewhere, in.Variables = s.Caller.Home, true, s.Caller.Secrets.Variables
	return s.Caller.Within(fn)
}

// Read loads a configuration without errors, and reports its warnings. Those of a configuration that is pending come with its
// second reading.
func (s *Session) Read(ctx context.Context, in config.Input) (*config.Configuration, error) {
	c, diags, err := s.Load(ctx, in)
	if err != nil {
		return nil, err
	}
	if diags.HasErrors() {
		return nil, diags
	}
	if c.Pending {
		return c, nil
	}
	return c, s.Report(diags)
}

// configuration is the source of a plan for a project. It is read a second time if it refers to values that only a plan works
// out.
type configuration struct {
	*config.Configuration
	session *Session
	input   config.Input
	options planner.Options
}

func (c *configuration) prepare(ctx context.Context, w *world) error {
	c.options.Directory = c.session.project.directoryIn(w.prior)
	if err := c.addBlocks(ctx, w); err != nil || c.Pending {
		return err
	}
	return c.addOutputs()
}

func (c *configuration) values() (*resource.Tree, resource.SealKey) { return c.Tree, nil }

func (c *configuration) wanted(prior *state.State) *resource.Tree {
	return planner.Wanted(c.Tree, prior, c.options)
}

func (c *configuration) look(ctx context.Context, w *world, desired *resource.Tree) (*plan.Actual, error) {
	return look(ctx, w, desired, c.options)
}

func (c *configuration) decide(ctx context.Context, w *world, desired *resource.Tree, actual *plan.Actual) (*plan.Plan, resource.Diagnostics, error) {
	made, diags, err := c.session.decide(ctx, w, desired, actual, c.options)
	if made != nil {
		made.Configuration = c.Outline
	}
	switch {
	case made == nil:
		return nil, diags, err
	case c.Pending:
		return nil, nil, c.readAgain(ctx, made, w.prior)
	case c.input.Computed != nil && !reflect.DeepEqual(plan.Computed(made, w.prior), c.input.Computed):
		return nil, nil, errors.New("the configuration depends on addresses in a way that changes them: let no name, parent, for_each or count depend on an address")
	}
	return made, diags, nil
}

// readAgain reads the configuration with the values that the plan works out.
func (c *configuration) readAgain(ctx context.Context, p *plan.Plan, prior *state.State) error {
	c.input.Computed = plan.Computed(p, prior)
	again, diags, err := c.session.Load(ctx, c.input)
	if err != nil {
		return err
	}
	c.Configuration = again
	if diags.HasErrors() {
		return diags
	}
	if c.Pending {
		return errors.New("the configuration refers to an address that this plan does not work out. With --target, name also the resource that it refers to; with --exclude, leave that one in the plan. A cell with network = \"host\" or \"none\" has no address")
	}
	if err := c.session.Report(diags); err != nil {
		return err
	}
	return c.addOutputs()
}

// addOutputs adds to the options the values of the outputs as they are recorded: without those that are sensitive.
func (c *configuration) addOutputs() error {
	c.options.Outputs = map[string]*state.Output{}
	for _, o := range c.Outputs {
		if o.Sensitive {
			c.options.Outputs[o.Name] = &state.Output{Sensitive: true}
			continue
		}
		val, _ := o.Value.UnmarkDeep()
		data, err := ctyjson.Marshal(val, val.Type())
		ty, err2 := ctyjson.MarshalType(val.Type())
		if err := errors.Join(err, err2); err != nil {
			return fmt.Errorf("%s: output %s: %w", o.Declared, o.Name, err)
		}
		c.options.Outputs[o.Name] = &state.Output{Type: ty, Value: data}
	}
	return nil
}

// addBlocks adds to the options the blocks moved, removed and import of the configuration.
func (c *configuration) addBlocks(ctx context.Context, w *world) error {
	for _, m := range c.Moved {
		c.options.Moves = append(c.options.Moves, plan.Move{From: m.From, To: m.To, Declared: m.Declared})
	}
	for _, r := range c.Removed {
		c.options.Removals = append(c.options.Removals, plan.Removal{From: r.From, Forget: !r.Destroy, Declared: r.Declared})
	}
	for _, i := range c.Imports {
		if w.prior.Records[i.To] != nil {
			continue // it has been imported
		}
		record, err := c.imported(ctx, w, i)
		if err != nil {
			return fmt.Errorf("%s: import %s: %w", i.Declared, i.To, err)
		}
		c.options.Imports = append(c.options.Imports, plan.Import{Record: record})
	}
	return nil
}

// imported returns the record of a container that an import block names. The values that the configuration holds to be
// sensitive are so as they are found, too.
func (c *configuration) imported(ctx context.Context, w *world, i config.Import) (*state.Record, error) {
	if err := planner.CheckImport(w.prior, i.To, "", i.ID); err != nil {
		return nil, err
	}
	var sensitive map[string]bool
	if want := c.Tree.Resource(i.To); want != nil {
		sensitive = want.Sensitive
	}
	record, _, err := foreign(ctx, w, i.To, i.ID, c.session.project.name, sensitive)
	return record, err
}
