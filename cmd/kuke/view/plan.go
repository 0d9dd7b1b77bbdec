package view

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// headline is the predicate of a change, after the resource's kind and path.
var headline = map[plan.Action]string{
	plan.Create:   "will be created",
	plan.Update:   "will be updated in place",
	plan.Replace:  "must be replaced",
	plan.Delete:   "will be destroyed",
	plan.Start:    "will be started",
	plan.Restart:  "will be restarted",
	plan.Check:    "will be checked",
	plan.Record:   "has changed and will be recorded",
	plan.Stop:     "will be stopped",
	plan.Shutdown: "will be shut down",
	plan.Kill:     "will be sent a signal",
	plan.Pause:    "will be paused",
	plan.Unpause:  "will be unpaused",
	plan.Adopt:    "will be adopted",
	plan.Forget:   "will be forgotten",
}

// symbol returns the sign of a change, with its class and its indentation.
func (ink *palette) symbol(a plan.Action) (c class, indent, sign string) {
	switch a {
	case plan.Create:
		return classAdd, "  ", ink.green("+")
	case plan.Update:
		return classChange, "  ", ink.yellow("~")
	case plan.Replace:
		return classChange, "", ink.red("-") + "/" + ink.green("+")
	case plan.Delete:
		return classDelete, "  ", ink.red("-")
	case plan.Start, plan.Restart:
		return classChange, "  ", ink.cyan(">")
	case plan.Stop, plan.Shutdown, plan.Kill, plan.Pause, plan.Unpause:
		return classChange, "  ", ink.yellow("!")
	case plan.Check:
		return classChange, "  ", ink.cyan("?")
	}
	return classChange, "  ", ink.cyan("=")
}

// Plan prints the changes, their reasons and their number.
func (v *View) Plan(p *plan.Plan) { v.printf("%s", v.ink.plan(p)) }

func (ink *palette) plan(p *plan.Plan) *page {
	b := &page{}
	if p.Empty() {
		b.writef("%s%s", ink.noChanges(p), keptText(p))
		ink.verdict(b, p.Policy)
		return b
	}
	if p.Rollback > 0 {
		b.writef("kuke will go back to %s. It will perform the following actions:\n", rollbackTo(p))
	} else {
		b.writef("kuke will perform the following actions:\n")
	}
	ink.surgery(b, p)
	groups := ink.groups(p.Changes)
	ink.changes(b, groups)
	ink.effects(b, p)
	ink.destructive(b, p, groups)
	b.writef("\n%s\n", ink.summary(p.Summary()))
	b.append(ink.cost(p))
	b.append(ink.hazards(p))
	ink.verdict(b, p.Policy)
	return b
}

// effects prints the rest of the plan, which belongs to no change of a resource.
func (ink *palette) effects(b *page, p *plan.Plan) {
	for _, n := range p.Names {
		if len(n.Update) > 0 {
			b.writef("\n  /etc/hosts of %s in space %s will be updated\n", plural(len(n.Update), "cell"), n.Space)
		}
	}
	for _, profile := range p.Profiles {
		b.writef("\n  AppArmor profile %s will be loaded into the kernel\n", visible(profile))
	}
	for _, image := range p.Images {
		if image.Pull {
			text := fmt.Sprintf("image %s (%s) will be pulled into containerd namespace %s", image.Reference, image.Digest, image.Namespace)
			b.writef("\n  %s\n", strings.Join(ink.sentence(visible(text), 2), "\n    "))
		}
	}
	b.writef("%s", keptText(p))
	ink.outputChanges(b, p.Outputs)
}

// Review prints a plan for those who decide on it, with the warnings that came up while planning.
func (v *View) Review(p *plan.Plan) {
	v.printf("%s", v.ink.review(p))
}

func (ink *palette) review(p *plan.Plan) *page {
	b := ink.plan(p)
	b.append(ink.diagnostics(p.Diagnostics, nil))
	return b
}

func (ink *palette) noChanges(p *plan.Plan) string {
	if p.Destroy {
		return ink.green("Nothing to destroy.") + fmt.Sprintf(" Project %q owns nothing here.\n", p.Project)
	}
	configuration := "the configuration"
	if p.Rollback > 0 {
		configuration = rollbackTo(p)
	}
	text := ink.green("No changes.") + fmt.Sprintf(" The host matches %s (%s compared).\n", configuration, plural(len(p.Unchanged), "resource"))
	if n := len(p.Stopped); n > 0 {
		stays, them := "stays", "it"
		if n > 1 {
			stays, them = "stay", "them"
		}
		list := &listing{noun: "container"}
		for _, c := range p.Stopped {
			list.addf("  %s\n", c)
		}
		text += fmt.Sprintf("\n%s %s stopped by a command:\n%sStart %s with kuke start, or with kuke apply --start.\n", plural(n, "container"), stays, list, them)
	}
	return text
}

// rollbackTo names the configuration that a rollback goes back to.
func rollbackTo(p *plan.Plan) string {
	return fmt.Sprintf("the configuration of entry %d of the history", p.Rollback)
}

// NothingToDo says that a command for single resources found them in the state it asks for.
func (v *View) NothingToDo(p *plan.Plan) {
	v.printf("%s\n", v.ink.green("Nothing to do."))
}

// isMember reports whether the name of an attribute is that of a member of a set, for which value says that it is in it.
func isMember(name string, value any) bool {
	member, ok := value.(bool)
	return ok && member && strings.HasSuffix(name, "]")
}

// attributeName returns the name of a value in the language that declares its resource.
func attributeName(c *plan.Change, d plan.Diff) string {
	if _, name := c.Path.Kind().LeafAttribute(d.Name); c.HCL && name != "" {
		return name
	}
	return d.Name
}

// attributeValue spells the value of an attribute, a size as people write it. a is nil for a value that kuke computed.
func attributeValue(a *resource.Attribute, x any) string {
	if size := resource.SizeOf(a, x); size != "" {
		return size
	}
	return value(x)
}

// value spells a value as JSON, on one line and with a visible beginning and end.
func value(x any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(x); err != nil {
		return fmt.Sprint(x)
	}
	return visible(strings.TrimSpace(b.String()))
}

func (ink *palette) summary(s plan.Summary) string { return ink.bold("Plan:") + " " + counts(s) + "." }

func counts(s plan.Summary) string {
	line := fmt.Sprintf("%d to add, %d to change, %d to destroy", s.Add, s.Change, s.Destroy)
	for _, count := range []struct {
		n      int
		action string
	}{
		{s.Start, "start"}, {s.Record, "record"}, {s.Stop, "stop, signal, pause or unpause"}, {s.Check, "check"},
		{s.Forget, "forget"}, {s.Move, "move"}, {s.Import, "import"}, {s.Adopt, "adopt"},
	} {
		if count.n > 0 {
			line += fmt.Sprintf(", %d to %s", count.n, count.action)
		}
	}
	return line
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// SavedPlan says that the plan is in file, and that the command line applying applies it.
func (v *View) SavedPlan(p *plan.Plan, file, applying string) {
	next := "To perform exactly these actions: " + applying
	if p.Empty() {
		next = "The plan has no changes."
	}
	v.printf("\nSaved the plan to %s. %s\n", file, next) // not wrapped: a person copies the command
}
