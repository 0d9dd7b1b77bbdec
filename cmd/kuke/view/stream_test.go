package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tfjson "github.com/hashicorp/terraform-json"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/config/resource/outline"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/jsonplan"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// newTestStream returns a stream on v that lives at one moment.
func newTestStream(v *View) *Stream {
	s := v.Stream("v1.2.3")
	s.now = func() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 123456789, time.UTC) }
	return s
}

func TestStreamOfPlan(t *testing.T) {
	p := planned(t, everything, planner.Options{})
	p.Hazards = []plan.Hazard{{Code: "data-loss", Path: "main/default/blog/web/replaced", Detail: "Its files are lost."}}
	p.Configuration = &outline.Outline{Instances: []outline.Instance{
		{Path: "main/default/blog/web/created", Modules: []string{"module.site", "module.site.module.web"}, Index: json.RawMessage(`"a"`)},
	}}
	p.Moves = []plan.Move{{From: "main/default/old", To: "main/default/blog"}}
	p.Imports = []plan.Import{{Record: &state.Record{Path: "main/default/blog/web/in", Status: state.Status{ContainerID: "stranger"}}}}
	p.Outputs = []plan.OutputChange{
		{Name: "fresh", After: &state.Output{Type: json.RawMessage(`"string"`), Value: json.RawMessage(`"x"`)}},
		{Name: "gone", Before: &state.Output{}}, {Name: "key", Before: &state.Output{}, After: &state.Output{Sensitive: true}},
	}
	golden(t, "messages-plan", false, func(v *View) { newTestStream(v).Plan(p) })
	golden(t, "messages-destroy", false, func(v *View) { newTestStream(v).Plan(planned(t, nil, planner.Options{Destroy: true})) })
	golden(t, "messages-no-changes", false, func(v *View) {
		s := newTestStream(v)
		s.Plan(&plan.Plan{Project: "shop", Unchanged: make([]*state.Record, 7)})
		s.End(&plan.Result{Plan: &plan.Plan{Project: "shop", Unchanged: make([]*state.Record, 7)}})
	})
}

func TestStreamOfApply(t *testing.T) {
	steps := []plan.Step{
		{Op: plan.OpImage, Image: &plan.Image{Reference: "nginx\x1b[31m:1", Pull: true}},
		{Op: plan.OpCreate, Path: "main/default/blog/web/nginx"},
		{Op: plan.OpCheck, Path: "main/default/blog/web/nginx"},
		{Op: plan.OpDelete, Path: "main/default/old"},
	}
	p := &plan.Plan{Project: "shop", Steps: steps, Changes: []*plan.Change{
		{Path: "main/default/blog/web/nginx", Action: plan.Create, After: &state.Record{Path: "main/default/blog/web/nginx", Status: state.Status{ContainerID: "default_blog_web_nginx"}}},
		{Path: "main/default/old", Action: plan.Delete, Before: &state.Record{Path: "main/default/old"}},
	}}
	done := func(s *Stream, from int) (outcomes []plan.Outcome) {
		for i, step := range steps {
			if i >= from {
				s.Observe(plan.Event{Index: i, Step: step})
				s.Observe(plan.Event{Index: i, Step: step, Done: true, Elapsed: 1234567890})
			}
			outcomes = append(outcomes, plan.Outcome{Step: step, Done: true})
		}
		return outcomes
	}
	golden(t, "messages-apply", false, func(v *View) {
		s := newTestStream(v)
		s.Begin(p, state.Durations{}, 1)
		s.Observe(plan.Event{Index: 0, Step: steps[0]})
		s.Observe(plan.Event{Index: 0, Step: steps[0], Progress: plan.Progress{Bytes: 3, Total: 12}})
		s.progress(0)
		s.Observe(plan.Event{Index: 0, Step: steps[0], Done: true, Elapsed: time.Minute})
		s.progress(0) // a timer that came too late
		s.End(&plan.Result{
			Plan: p, Outcomes: done(s, 1), Exited: []plan.Exited{{Path: "main/default/blog/web/nginx", Reason: "it exited with code 1"}},
			Outputs: map[string]*state.Output{
				"url": {Type: json.RawMessage(`"string"`), Value: json.RawMessage(`"http://example.com/<&>"`)}, "key": {Sensitive: true},
			},
		})
	})
	golden(t, "messages-incomplete", false, func(v *View) {
		s := newTestStream(v)
		s.Begin(p, state.Durations{}, 1)
		s.Observe(plan.Event{Index: 1, Step: steps[1]})
		failure := errors.New("device or resource busy\x1b[2J\nsecond line")
		s.Observe(plan.Event{Index: 1, Step: steps[1], Done: true, Elapsed: time.Second, Err: failure})
		s.Note("Interrupted.")
		s.End(&plan.Result{Plan: p, Outcomes: []plan.Outcome{
			{Step: steps[0], Done: true}, {Step: steps[1], Err: failure, Log: []string{"starting", "busy"}}, {Step: steps[2], Blocker: &steps[1]}, {Step: steps[3]},
		}, Outputs: map[string]*state.Output{"url": {}}})
	})
}

// Errors are diagnostics, with their place where they have one.
func TestStreamOfErrors(t *testing.T) {
	golden(t, "messages-errors", false, func(v *View) {
		s := newTestStream(v)
		s.Error(errors.New("--parallelism: 0 is too small: it must be at least 1"), nil)
		s.Error(resource.Diagnostics{
			{Severity: resource.Warning, Summary: "Odd", Detail: "Look.", Path: "main"},
			{Severity: resource.Error, Summary: "Bad", Detail: "Repair it.", Subject: at(2, 8, 2, 15)},
		}, map[string][]byte{"main.hcl": []byte(source)})
	})
}

// Whatever several goroutines print, each line is one message that Terraform's library reads, and the first tells the versions.
func TestStreamLines(t *testing.T) {
	var out bytes.Buffer
	s := newView(&out, false).Stream("v1.2.3")
	s.Begin(&plan.Plan{}, state.Durations{}, 1)
	var all sync.WaitGroup
	for i := range 50 {
		step := plan.Step{Op: plan.OpStart, Path: "m/s/t/c/x"}
		all.Go(func() {
			s.Observe(plan.Event{Index: i, Step: step})
			s.progress(i)
			s.Observe(plan.Event{Index: i, Step: step, Done: true})
			s.Error(errors.New("a\nb\u2028\u202e\x7f"), nil)
		})
	}
	all.Wait()
	var kinds []string
	for line := range strings.Lines(out.String()) {
		m, err := tfjson.UnmarshalLogMessage([]byte(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch m := m.(type) {
		case tfjson.VersionLogMessage:
			kinds = append(kinds, "version")
			if m.Terraform.String() != jsonplan.TerraformVersion || m.UI.Original() != messagesVersion || m.Timestamp().IsZero() {
				t.Errorf("versions: %q", line)
			}
		case tfjson.DiagnosticLogMessage:
			kinds = append(kinds, "diagnostic")
			if m.Severity != tfjson.DiagnosticSeverityError || m.Summary != "a\nb\u2028\u202e\x7f" || m.Level() != tfjson.Error {
				t.Errorf("diagnostic: %q", line)
			}
		default:
			var plain struct{ Type string }
			if err := json.Unmarshal([]byte(line), &plain); err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, plain.Type)
		}
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r == '\n' || hazardous(r) }) {
			t.Errorf("a terminal does more with %q than show it", line)
		}
	}
	if kinds[0] != "version" {
		t.Errorf("the first message is %s", kinds[0])
	}
	slices.Sort(kinds)
	counts := map[string]int{}
	for _, kind := range kinds {
		counts[kind]++
	}
	for kind, want := range map[string]int{"version": 1, "apply_start": 50, "apply_progress": 50, "apply_complete": 50, "diagnostic": 50} {
		if counts[kind] != want {
			t.Errorf("%d messages %s, want %d", counts[kind], kind, want)
		}
	}
}
