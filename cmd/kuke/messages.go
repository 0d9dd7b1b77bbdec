package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/planner/plan"
)

// streaming are the commands whose --json prints messages.
var streaming = []string{"plan", "apply", "destroy"}

// streams reports whether the command prints messages. Flags before the first wrong one are read.
func streams(cmd *cobra.Command) bool {
	return slices.Contains(streaming, cmd.Name()) && cmd.Parent() != nil && !cmd.Parent().HasParent() && asJSON(cmd)
}

func asJSON(cmd *cobra.Command) bool {
	f := cmd.Flags().Lookup("json")
	return f != nil && f.Value.String() == "true"
}

// messages returns the printer of messages of this command.
func (a *app) messages() *view.Stream {
	if a.stream == nil {
		a.stream = a.out.Stream(version)
	}
	return a.stream
}

// show has the session report as the options tell, and returns the function that shows a plan so.
func (a *app) show(o *planOptions) func(*plan.Plan) {
	if !o.json {
		return a.out.Plan
	}
	a.session.Reporter, a.session.Progress = a.messages(), a.messages()
	return a.messages().Plan
}

// note prints a note, which may come at any moment after the session has begun.
func (a *app) note(text string) {
	if a.stream != nil {
		a.stream.Note(text)
		return
	}
	a.errs.Note(text)
}
