package main

import "github.com/spf13/cobra"

// textOptions are the options of the text that shows a plan.
type textOptions struct {
	noFold          bool
	compactWarnings bool
}

// addFlags adds the flags of a command that plans.
func (o *textOptions) addFlags(cmd *cobra.Command) {
	o.addFoldFlag(cmd)
	cmd.Flags().BoolVar(&o.compactWarnings, "compact-warnings", false, "warnings without their details, unless there are errors")
}

// addFoldFlag adds the flag of a command that shows plans.
func (o *textOptions) addFoldFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.noFold, "no-fold", false, "each change by itself, also those that are alike, and long values in full")
}

// prepareViews has the views show a plan and its warnings as the options say.
func (o *textOptions) prepareViews(a *app) {
	if o.noFold {
		a.out.Unfold()
	}
	if o.compactWarnings {
		a.errs.CompactWarnings()
	}
}
