package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kukeon/kuke/planner/plan"
)

// denials are the hazards that --deny refuses, by their codes.
type denials struct{ codes []string }

// allHazards is the value of --deny for every code.
const allHazards = "all"

func (d *denials) addFlag(flags *pflag.FlagSet) {
	flags.StringSliceVar(&d.codes, "deny", nil, "`code` of hazards that the plan must not have, or all; repeatable (kuke help hazards)")
}

// check refuses unknown codes.
func (d *denials) check() error {
	for _, code := range d.codes {
		if code == allHazards || slices.Contains(plan.HazardCodes(), code) {
			continue
		}
		return fmt.Errorf("--deny: there is no hazard %q: use %s, or %s for every one", code, strings.Join(plan.HazardCodes(), ", "), allHazards)
	}
	return nil
}

// refuse returns an error that names the denied hazards of the plan, if it has any.
func (d *denials) refuse(p *plan.Plan) error {
	found := map[string]int{}
	for _, h := range p.Hazards {
		if slices.Contains(d.codes, h.Code) || slices.Contains(d.codes, allHazards) {
			found[h.Code]++
		}
	}
	var names []string
	for _, code := range plan.HazardCodes() {
		if n := found[code]; n > 1 {
			names = append(names, fmt.Sprintf("%s (%d resources)", code, n))
		} else if n == 1 {
			names = append(names, code)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("--deny refuses hazards of this plan: %s. Nothing was changed. kuke help hazards describes the remedies", strings.Join(names, ", "))
}
