package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state/history"
)

// countWords is the order of the counts of an entry of the history.
var countWords = []string{
	"added", "changed", "destroyed", "started", "stopped", "signalled", "paused", "unpaused", "recorded", "adopted", "forgotten", "moved", "imported",
}

// History prints entries of the history as a table, and the number of older ones that are left out.
func (v *View) History(entries []history.Entry, more int) {
	if len(entries) == 0 {
		v.printf("Nothing has been applied here.\n")
		return
	}
	v.columns([]string{"N", "TIME", "WHO", "COMMAND", "PROJECT", "CHANGES", "OUTCOME"}, func(add func(...string)) {
		for i := range entries {
			e := &entries[i]
			add(fmt.Sprint(e.Number), e.Time.Local().Format(time.DateTime), oneLine(who(e)), oneLine(commandOf(e)), oneLine(orDash(e.Project)), changesOf(e), oneLine(outcomeOf(e)))
		}
	})
	if more > 0 {
		v.printf("… and %d more. List all: kuke history --limit 0\n", more)
	}
}

// who names the person behind an entry: in a pipeline the one who started the job.
func who(e *history.Entry) string {
	name := e.User
	if e.As != "" {
		name += " as " + e.As
	}
	if ci := e.From.CI; ci != nil && ci.Actor != "" {
		return ci.Actor + " (" + ci.System + ")"
	}
	return name
}

func commandOf(e *history.Entry) string {
	if e.Rollback > 0 {
		return fmt.Sprintf("%s (rollback to %d)", e.Command, e.Rollback)
	}
	return e.Command
}

// changesOf counts the steps that were carried out or, where that is not known, those that were planned.
func changesOf(e *history.Entry) string {
	if e.Outcome == history.Unfinished || e.Outcome == history.Running {
		return "planned: " + historyCounts(e.Planned)
	}
	return historyCounts(e.Done)
}

func historyCounts(counts history.Counts) string {
	var parts []string
	for _, word := range countWords {
		if n := counts[word]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	return orDash(strings.Join(parts, ", "))
}

// outcomeOf is the outcome with the first resource that failed.
func outcomeOf(e *history.Entry) string {
	if len(e.Failed) == 0 {
		return e.Outcome
	}
	text := e.Outcome + ": " + e.Failed[0].About
	if n := len(e.Failed) - 1 + e.FailedMore; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// Entry prints all about an entry of the history but its changes.
func (v *View) Entry(e *history.Entry) {
	v.columns(nil, func(add func(...string)) {
		row := func(name, value string) {
			if value != "" {
				add(name, oneLine(value))
			}
		}
		row("Entry", fmt.Sprint(e.Number))
		row("Time", e.Time.Local().Format(time.RFC3339))
		row("Outcome", e.Outcome)
		row("Done", changesOf(e))
		if e.Outcome != history.Unfinished && e.Outcome != history.Running {
			row("Duration", (time.Duration(e.Duration) * time.Millisecond).String())
		}
		row("Command", commandOf(e))
		row("Project", e.Project)
		row("Configuration", e.Directory)
		var targets []string
		for _, t := range e.Targets {
			targets = append(targets, string(t))
		}
		row("Targets", strings.Join(targets, ", "))
		user := e.User
		if e.As != "" {
			user += " as " + e.As
		}
		row("User", user)
		row("Host", e.Host)
		row("Directory", e.From.Directory)
		row("SSH", e.From.SSH)
		if ci := e.From.CI; ci != nil {
			row("Pipeline", strings.Join(slices.DeleteFunc([]string{ci.System, ci.Job, ci.Revision, ci.Actor}, func(s string) bool { return s == "" }), ", "))
		}
		row("Plan", e.Plan)
		row("Policy", e.Policy)
		row("Serial", fmt.Sprintf("%d before, %d after", e.SerialBefore, e.SerialAfter))
		row("kuke", e.Version)
		for _, f := range e.Failed {
			row("Failed", fmt.Sprintf("%s (%s): %s", f.About, f.Operation, f.Error))
		}
		if e.FailedMore > 0 {
			row("Failed", andMore(e.FailedMore, "step"))
		}
		if e.Skipped > 0 {
			row("Not begun", plural(e.Skipped, "step"))
		}
		row("Error", e.Error)
	})
}

// CarriedOut prints the plan of an entry of the history.
func (v *View) CarriedOut(p *plan.Plan) {
	v.printf("\n%s\n\n%s", v.ink.bold("The plan:"), v.ink.review(p))
}

// entryChange is a change of an entry of the history as JSON.
type entryChange struct {
	Path   string `json:"path"`
	Action string `json:"action"`
}

// EntryJSON prints an entry of the history with the paths and actions of its changes, none of them where the plan is not kept.
func (v *View) EntryJSON(e *history.Entry, p *plan.Plan) error {
	changes := []entryChange{}
	if p != nil {
		for _, c := range p.Changes {
			changes = append(changes, entryChange{string(c.Path), string(c.Action)})
		}
	}
	return v.JSON(struct {
		*history.Entry
		PlanKept bool          `json:"plan_kept"`
		Changes  []entryChange `json:"changes"`
	}{e, p != nil, changes})
}
