package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/view"
	"github.com/kukeon/kuke/config"
	"github.com/kukeon/kuke/planner/jsonplan"
	"github.com/kukeon/kuke/planner/state"
)

func newShow(a *app) *cobra.Command {
	var asJSON, asMarkdown, asHTML bool
	var entry entryNumber
	o := &textOptions{}
	cmd := &cobra.Command{
		Use:   "show [PLANFILE]",
		Short: "Show the recorded state, a saved plan or an entry of the history",
		Long: "show prints the recorded state, a saved plan with its warnings, or an entry of kuke history with the plan that was\n" +
			"carried out. With --json it prints state or plan in Terraform's format, for tools and policies. For reviews it also\n" +
			"writes Markdown or an HTML page, which begin with the hazards that kuke help hazards explains.\n" +
			"\n" +
			"The Markdown is a comment for a forge, below 65,536 characters: destructive changes come first, and changes that\n" +
			"have no room are named or counted. Its first line is <!-- kuke-plan PROJECT -->, by which a pipeline finds the comment to\n" +
			"replace. The HTML is one file that loads nothing else, with filters, search and a drawing of the steps.",
		Example: "  kuke show\n  kuke show change.plan\n  kuke show --json change.plan\n  kuke show --markdown change.plan > comment.md\n  kuke show --html change.plan > plan.html\n  kuke show --history 7",
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, args []string) error {
			given := len(a.given(cmd, []string{"no-fold"})) > 0
			switch {
			case given && len(args) == 0 && entry == 0:
				return errors.New("--no-fold shows the changes of a plan: name the file of a saved one, or use --history")
			case given && (asJSON || asMarkdown || asHTML):
				return errors.New("--no-fold is for the text on a terminal: leave it out, or --json, --markdown and --html")
			}
			return onlyOne(cmd, "json", "markdown", "html")
		},
		RunE: func(_ *cobra.Command, args []string) error {
			o.prepareViews(a)
			show := a.showState
			switch {
			case entry > 0 && len(args) == 1:
				return errors.New("--history shows the plan of an entry of the history: leave out PLANFILE")
			case entry > 0:
				show = func(format string) error { return a.showEntry(uint64(entry), format) }
			case len(args) == 1:
				show = func(format string) error { return a.showPlan(args[0], format) }
			}
			switch {
			case asJSON:
				return show("json")
			case asMarkdown:
				return show(view.Markdown)
			case asHTML:
				return show(view.HTML)
			}
			return show("")
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "output as JSON in Terraform's format")
	cmd.Flags().Var(&entry, "history", "`number` of the entry of the history to show")
	cmd.Flags().BoolVar(&asMarkdown, "markdown", false, "output as Markdown, for a comment")
	cmd.Flags().BoolVar(&asHTML, "html", false, "output as an HTML page")
	o.addFoldFlag(cmd)
	return cmd
}

func (a *app) showPlan(file, format string) error {
	saved, err := a.session.LoadPlan(file)
	if err != nil {
		return err
	}
	switch format {
	case "":
		a.out.Review(saved)
		return nil
	case "json":
		return a.out.JSON(jsonplan.Of(saved, version))
	}
	return a.out.PlanReport(saved, format)
}

func (a *app) showState(format string) error {
	_, st, err := a.session.State()
	if err != nil {
		return err
	}
	switch format {
	case "":
		a.out.State(st)
		return nil
	case "json":
		project, err := a.outputProject(st)
		if err != nil {
			return err
		}
		return a.out.JSON(jsonplan.OfState(st, project, version))
	}
	return a.out.StateReport(st, format)
}

// outputProject returns the project whose outputs stand beside the resources of all: the only one with outputs, unless the user
// names another, or else that of the configuration in the current directory.
func (a *app) outputProject(st *state.State) (string, error) {
	if len(st.Outputs) > 1 || a.projectName != "" {
		return a.session.FindProject(config.Input{})
	}
	for project := range st.Outputs {
		return project, nil
	}
	return "", nil
}
