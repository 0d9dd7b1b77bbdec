package view

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/review"
	"github.com/kukeon/kuke/planner/state"
)

// sampler makes plans by hand, of any size and with any texts.
type sampler struct {
	plan *plan.Plan
	// text is a part of the values of the changes.
	text string
	last map[resource.Path]int // the step that builds the resource up
}

// samplePlan returns a plan of n changes, of all actions, with hazards and a cost. The text is a part of many values.
func samplePlan(n int, text string) *plan.Plan {
	verdict := &plan.Verdict{Digest: "sha256:" + strings.Repeat("a", 64), Warned: []plan.Finding{{Rule: "main.warn", Message: text}}}
	s := &sampler{plan: &plan.Plan{Project: "shop", Cost: &plan.Cost{}, Policy: verdict}, text: text, last: map[resource.Path]int{}}
	add := func(p resource.Path, a plan.Action, before, after resource.Spec) bool {
		if len(s.plan.Changes) < n {
			s.change(p, a, before, after)
		}
		return len(s.plan.Changes) < n
	}
	s.image()
	if n == 1 {
		add("main/default/shop/db/db", plan.Replace, &resource.Container{Image: "docker.io/library/postgres:16"}, &resource.Container{Image: "docker.io/library/postgres:17"})
		return s.plan
	}
	add("main", plan.Update, &resource.Realm{}, &resource.Realm{Common: resource.Common{Labels: map[string]string{"text": text}}})
	for stack := 0; ; stack++ {
		p := resource.Path(fmt.Sprintf("main/space-%d/stack-%d", stack/8, stack))
		if !add(p, plan.Create, nil, &resource.Stack{}) {
			return s.plan
		}
		for cell := range 12 {
			q := p.Join(fmt.Sprintf("cell-%d", cell))
			before, after := s.containers(stack*12 + cell)
			actions := []plan.Action{plan.Create, plan.Create, plan.Update, plan.Create, plan.Start, plan.Create, plan.Record, plan.Update, plan.Create, plan.Restart, plan.Adopt, plan.Check}
			action := actions[(stack+cell)%len(actions)]
			switch (stack*12 + cell) % 50 {
			case 7:
				action = plan.Replace
			case 13:
				action = plan.Delete
			}
			if action == plan.Create && !add(q, plan.Create, nil, &resource.Cell{}) {
				return s.plan
			}
			for i, name := range []string{"root", "web", "side"} {
				if !add(q.Join(name), action, before[i], after[i]) {
					return s.plan
				}
			}
		}
	}
}

func (s *sampler) containers(n int) (before, after []resource.Spec) {
	for i := range 3 {
		old := &resource.Container{Image: "docker.io/library/nginx:1", Root: i == 0, Env: resource.Env{"NUMBER": fmt.Sprint(n), "TEXT": "old"}, Command: "/bin/sh"}
		fresh := *old
		fresh.Image = fmt.Sprintf("docker.io/library/nginx:%d", 2+n%3)
		fresh.Env = resource.Env{"NUMBER": fmt.Sprint(n), "TEXT": fmt.Sprintf("new %d %s", n%5, s.text)}
		fresh.Args = []string{"-c", s.text}
		before, after = append(before, old), append(after, &fresh)
	}
	return before, after
}

// change adds a change with its steps, hazards and cost.
func (s *sampler) change(p resource.Path, a plan.Action, before, after resource.Spec) {
	c := &plan.Change{Path: p, Action: a, HCL: true}
	if before != nil && a != plan.Create {
		c.Before = &state.Record{Path: p, Spec: before}
	}
	if after != nil && a != plan.Delete {
		c.After = &state.Record{Path: p, Spec: after}
	}
	switch a {
	case plan.Create:
		c.Diffs = plan.Compare(nil, after)
	case plan.Update, plan.Replace:
		c.Diffs = plan.Compare(before, after)
	case plan.Delete:
		c.Reasons = []string{"no longer in the configuration"}
	default:
		c.Reasons = []string{"the reason is " + s.text}
	}
	s.plan.Changes = append(s.plan.Changes, c)
	if p.Kind() == resource.KindContainer {
		s.review(c)
	}
	s.steps(c)
}

func (s *sampler) review(c *plan.Change) {
	hazard := func(code, detail string) {
		s.plan.Hazards = append(s.plan.Hazards, plan.Hazard{Code: code, Path: c.Path, Detail: detail})
	}
	cost := s.plan.Cost
	size, seconds := int64(12<<20), 3.5
	switch c.Action {
	case plan.Delete, plan.Replace:
		hazard("data-loss", fmt.Sprintf("%s holds 12MiB outside of its volumes, which are deleted with it: %s. Copy them out first.", c.Path, s.text))
		cost.Losses = append(cost.Losses, plan.Loss{Container: c.Path, Bytes: &size})
		if c.Action == plan.Replace {
			cost.Restarted = append(cost.Restarted, c.Path)
		} else {
			cost.Ended = append(cost.Ended, c.Path)
		}
		if c.Path.Name() == "root" || len(s.plan.Changes) == 1 {
			hazard("port-gap", "The port 8080:80/tcp closes for a moment, and clients get an error. Move them to another cell first.")
			cost.ClosedPorts = append(cost.ClosedPorts, plan.ClosedPort{Cell: c.Path.Parent(), Port: "8080:80/tcp", Reopened: c.Action == plan.Replace})
			cost.Interruptions = append(cost.Interruptions, plan.Interruption{Cell: c.Path.Parent(), Seconds: &seconds})
		}
	case plan.Create:
		hazard("floating-tag", "docker.io/library/nginx:2 can be another image tomorrow. Name a digest.")
	case plan.Restart:
		cost.Restarted = append(cost.Restarted, c.Path)
	}
}

func (s *sampler) step(op plan.Op, p resource.Path, after ...int) int {
	s.plan.Steps = append(s.plan.Steps, plan.Step{Op: op, Path: p, After: slices.DeleteFunc(after, func(i int) bool { return i < 0 })})
	return len(s.plan.Steps) - 1
}

func (s *sampler) image() {
	size := int64(60 << 20)
	image := &plan.Image{Namespace: "kukeon-main", Reference: "docker.io/library/nginx:2", Digest: "sha256:" + strings.Repeat("2", 64), Pull: true}
	s.plan.Images = append(s.plan.Images, image)
	s.plan.Steps = append(s.plan.Steps, plan.Step{Op: plan.OpImage, Image: image})
	s.plan.Cost.Pulls = append(s.plan.Cost.Pulls, plan.Pull{Reference: image.Reference, Bytes: &size})
}

func (s *sampler) steps(c *plan.Change) {
	built := func(p resource.Path) int {
		if i, ok := s.last[p]; ok {
			return i
		}
		return -1
	}
	image, root := -1, -1
	if c.Path.Kind() == resource.KindContainer {
		image = 0
		if c.Path.Name() != "root" {
			root = built(c.Path.Parent().Join("root"))
		}
	}
	switch c.Action {
	case plan.Create:
		s.last[c.Path] = s.step(plan.OpCreate, c.Path, built(c.Path.Parent()), image, root)
	case plan.Replace:
		gone := s.step(plan.OpDelete, c.Path, image)
		s.last[c.Path] = s.step(plan.OpCreate, c.Path, gone, image, root)
	case plan.Restart:
		s.last[c.Path] = s.step(plan.OpStart, c.Path, s.step(plan.OpStop, c.Path))
	default:
		ops := map[plan.Action]plan.Op{plan.Update: plan.OpUpdate, plan.Delete: plan.OpDelete, plan.Start: plan.OpStart, plan.Record: plan.OpRecord, plan.Adopt: plan.OpAdopt, plan.Check: plan.OpCheck}
		s.last[c.Path] = s.step(ops[c.Action], c.Path, root)
	}
}

// foldByName puts the changes of the same action, of containers of the same name, into one group.
func foldByName(changes []*plan.Change) []review.Group {
	var groups []review.Group
	at := map[string]int{}
	for _, c := range changes {
		key := string(c.Action) + " " + string(c.Path.Kind()) + " " + c.Path.Name()
		i, ok := at[key]
		if !ok || c.Path.Kind() != resource.KindContainer {
			i = len(groups)
			at[key] = i
			groups = append(groups, review.Group{})
		}
		groups[i].Changes = append(groups[i].Changes, c)
	}
	for i, g := range groups {
		for n, d := range g.Changes[0].Diffs {
			if column := (review.Column{Name: d.Name}); len(g.Changes) > 1 && d.Name == `env["NUMBER"]` {
				for _, c := range g.Changes {
					column.Diffs = append(column.Diffs, c.Diffs[n])
				}
				groups[i].Columns = append(groups[i].Columns, column)
			}
		}
	}
	return groups
}

// TestReportsOfManyChanges writes the reports into the directory $KUKE_SAMPLES where that is set, for the eyes of a person.
func TestReportsOfManyChanges(t *testing.T) {
	for _, n := range []int{1, 20, 500, 5000} {
		p := samplePlan(n, "one\ntwo")
		if len(p.Changes) != n {
			t.Errorf("%d changes, want %d", len(p.Changes), n)
		}
		for name, print := range map[string]func(*View) error{
			"md":   func(v *View) error { return v.PlanReport(p, Markdown) },
			"html": func(v *View) error { return v.PlanReport(p, HTML) },
			"svg":  func(v *View) error { return v.Steps(p, "svg") },
		} {
			var b strings.Builder
			if err := print(newView(&b, false)); err != nil {
				t.Error(err)
			}
			if name == "html" {
				page := parsePage(t, b.String())
				checkPage(t, page)
				if page.elements["svg"] != 1 || page.elements["pre"] == 0 {
					t.Errorf("the page of %d changes has no drawing, or no differences", n)
				}
			}
			if dir := os.Getenv("KUKE_SAMPLES"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("plan-%d.%s", n, name)), []byte(b.String()), 0o600); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
