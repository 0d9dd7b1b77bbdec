package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/policy"
	"github.com/kukeon/kuke/planner/jsonplan"
	"github.com/kukeon/kuke/planner/plan"
)

// policyFlags are the flags about the policies that a plan has to pass.
type policyFlags struct {
	paths   []string
	require string
}

func (o *policyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&o.paths, "policy", nil, "`directory` or file of policies in Rego that the plan has to pass; repeatable (kuke help policy)")
	annotateFile(cmd, "policy", readFile)
}

// addRequire adds the flag of apply.
func (o *policyFlags) addRequire(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.require, "require-policy", "", "`digest` of the policies that the plan must have passed")
}

// check has the policies of the flags judge the plan.
func (o *policyFlags) check(ctx context.Context, a *app, p *plan.Plan) error {
	if len(o.paths) == 0 {
		return nil
	}
	var set *policy.Set
	var err error
	load := func() { set, err = policy.Load(o.paths) }
	if caller := a.session.Caller; caller != nil {
		if err := caller.Within(load); err != nil {
			return err
		}
	} else {
		load()
	}
	if err != nil {
		return err
	}
	document, err := json.Marshal(jsonplan.Of(p, version))
	if err != nil {
		return fmt.Errorf("check the plan with policies: %w", err)
	}
	p.Policy, err = set.Check(ctx, document)
	return err
}

// denied returns the error of a plan that its policies deny, or that has not passed the required ones.
func (o *policyFlags) denied(p *plan.Plan) error {
	if p.Policy != nil && len(p.Policy.Denied) > 0 {
		return fmt.Errorf("the policies deny this plan: nothing was changed. Change the configuration or the policies so that no rule applies: %s", p.Policy.Denied[0].Rule)
	}
	switch {
	case o.require == "":
		return nil
	case p.Policy == nil:
		return fmt.Errorf("the plan has not passed the required policies %s. Plan again with --policy", o.require)
	case p.Policy.Digest != o.require:
		return fmt.Errorf("the plan has passed the policies %s, and not the required ones, %s. Plan again with these", p.Policy.Digest, o.require)
	}
	return nil
}
