package main

import (
	"github.com/spf13/cobra"

	"github.com/kukeon/kuke/cmd/kuke/view"
)

func newShow(a *app) *cobra.Command {
	var asJSON, asMarkdown, asHTML bool
	cmd := &cobra.Command{
		Use:   "show [PLANFILE]",
		Short: "Show the recorded state or a saved plan",
		Long: "show prints the recorded state, or a saved plan with its warnings. For reviews it also writes Markdown, for a\n" +
			"comment, or an HTML page.",
		Example: "  kuke show\n  kuke show change.plan\n  kuke show --markdown change.plan",
		Args:    cobra.MaximumNArgs(1),
		PreRunE: func(cmd *cobra.Command, _ []string) error { return onlyOne(cmd, "json", "markdown", "html") },
		RunE: func(_ *cobra.Command, args []string) error {
			show := a.showState
			if len(args) == 1 {
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
	cmd.Flags().BoolVar(&asJSON, "json", false, "output as JSON")
	cmd.Flags().BoolVar(&asMarkdown, "markdown", false, "output as Markdown")
	cmd.Flags().BoolVar(&asHTML, "html", false, "output as an HTML page")
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
		return a.out.JSON(saved)
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
		return a.out.JSON(st)
	}
	return a.out.StateReport(st, format)
}
