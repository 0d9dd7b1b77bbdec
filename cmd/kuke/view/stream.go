package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/jsonplan"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

const (
	// stampFormat is Terraform's form of times.
	stampFormat = "2006-01-02T15:04:05.000000Z07:00"
	// progressEvery is the interval of the messages about a running step.
	progressEvery = 10 * time.Second
)

// Stream prints Terraform's machine-readable UI: each line is one message as JSON. The first one tells the versions. It may be
// used by several goroutines at once.
type Stream struct {
	view    *View
	version string
	now     func() time.Time
	every   time.Duration

	mu      sync.Mutex
	begun   bool // the versions are told
	running map[int]*runningStep
	ids     map[resource.Path]string // of the containers that the plan creates or starts
	known   instances
}

// runningStep is a step that messages tell about from time to time.
type runningStep struct {
	event plan.Event // the last one
	pull  arrivals
	begin time.Time
	timer *time.Timer
}

// Stream returns a printer of messages; version is that of kuke.
func (v *View) Stream(version string) *Stream {
	return &Stream{view: v, version: version, now: time.Now, every: progressEvery, running: map[int]*runningStep{}}
}

// send prints a message, after the versions.
func (s *Stream) send(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendLocked(m)
}

// sendLocked is send for a holder of s.mu.
func (s *Stream) sendLocked(m message) {
	if !s.begun {
		s.begun = true
		s.print(message{Level: levelInfo, Message: "kuke " + s.version, Type: "version", Terraform: jsonplan.TerraformVersion, Kuke: s.version, UI: messagesVersion})
	}
	s.print(m)
}

func (s *Stream) print(m message) {
	m.Module, m.Timestamp = "terraform.ui", s.now().Format(stampFormat)
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		panic("view: encode a message: " + err.Error()) // outputs, the only raw JSON, are validated when the state is read
	}
	s.view.printf("%s", escaped(line.String()))
}

// info sends a message of a type that tells of no problem.
func (s *Stream) info(kind, text string, set func(*message)) {
	m := message{Level: levelInfo, Message: text, Type: kind}
	set(&m)
	s.send(m)
}

// Note sends a note for the user's attention.
func (s *Stream) Note(text string) {
	s.send(message{Level: levelWarn, Message: text, Type: "log"})
}

// Diagnostics sends a message for each diagnostic, with the places in sources.
func (s *Stream) Diagnostics(ds resource.Diagnostics, sources map[string][]byte) {
	lines := sourceLines(sources)
	for _, d := range ds {
		m := message{Level: levelError, Message: "Error: " + d.Summary, Type: "diagnostic", Diagnostic: &diagnosticJSON{d, snippet(d.Subject, lines)}}
		if d.Severity == resource.Warning {
			m.Level, m.Message = levelWarn, "Warning: "+d.Summary
		}
		s.send(m)
	}
}

// Error sends err, which may be or hold diagnostics, as diagnostics.
func (s *Stream) Error(err error, sources map[string][]byte) {
	var ds resource.Diagnostics
	if !errors.As(err, &ds) {
		ds = resource.Diagnostics{{Severity: resource.Error, Summary: err.Error()}}
	}
	s.Diagnostics(ds, sources)
}

// know keeps the resources of the configuration of a plan.
func (s *Stream) know(p *plan.Plan) instances {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = p.Configuration.Find()
	}
	return s.known
}

// Plan sends the changes of a plan, its hazards and its summary.
func (s *Stream) Plan(p *plan.Plan) {
	known := s.know(p)
	for _, d := range p.Drifted() {
		m := known.drifted(&d)
		s.change("resource_drift", "Drift detected ("+m.Action+")", m)
	}
	for _, move := range p.Moves {
		from := known.at(move.From)
		s.change("planned_change", "Plan to move", &changeMessage{Resource: known.at(move.To), PreviousResource: &from, Action: actionMove})
	}
	for _, i := range p.Imports {
		s.change("planned_change", "Plan to import", &changeMessage{
			Resource: known.at(i.Record.Path), Action: actionImport, Importing: &importingMessage{ID: i.Record.Status.ContainerID},
		})
	}
	for _, c := range p.Changes {
		s.change("planned_change", headline[c.Action], known.planned(c))
	}
	for _, h := range p.Hazards {
		s.Diagnostics(resource.Diagnostics{{Severity: resource.Warning, Summary: "Hazard " + h.Code, Detail: h.Detail, Path: h.Path}}, nil)
	}
	s.verdict(p.Policy)
	s.info("change_summary", "Plan: "+counts(p.Summary())+".", func(m *message) { m.Changes = summaryOf(p.Summary(), "plan") })
	if len(p.Outputs) == 0 {
		return
	}
	s.outputs(func(all map[string]outputMessage) {
		for _, c := range p.Outputs {
			all[c.Name] = outputChange(c)
		}
	})
}

// verdict sends the findings of policies.
func (s *Stream) verdict(v *plan.Verdict) {
	if v == nil {
		return
	}
	for _, f := range v.Denied {
		s.Diagnostics(resource.Diagnostics{{Severity: resource.Error, Summary: "Denied by policy " + f.Rule, Detail: f.Message}}, nil)
	}
	for _, f := range v.Warned {
		s.Diagnostics(resource.Diagnostics{{Severity: resource.Warning, Summary: "Policy " + f.Rule, Detail: f.Message}}, nil)
	}
}

// Rehearsal sends the result of a rehearsal.
func (s *Stream) Rehearsal(r *plan.Rehearsal) {
	text := "Rehearsal passed"
	if !r.Passed() {
		text = "Rehearsal failed"
	}
	s.info("rehearsal", text, func(m *message) { m.Rehearsal = r })
}

// change sends a change, with a text that follows the name of its resource.
func (s *Stream) change(kind, text string, c *changeMessage) {
	name := strings.TrimPrefix(c.Resource.ResourceType, "kuke_") + " " + c.Resource.Addr
	s.info(kind, name+": "+text, func(m *message) { m.Change = c })
}

func (s *Stream) outputs(fill func(map[string]outputMessage)) {
	all := map[string]outputMessage{}
	fill(all)
	s.info("outputs", fmt.Sprintf("Outputs: %d", len(all)), func(m *message) { m.Outputs = all })
}

// Begin begins the apply of a plan.
func (s *Stream) Begin(p *plan.Plan, _ state.Durations, _ int) {
	s.know(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = map[resource.Path]string{}
	for _, c := range p.Changes {
		if c.After != nil && c.After.Status.ContainerID != "" {
			s.ids[c.Path] = c.After.Status.ContainerID
		}
	}
}

// Observe sends an event.
func (s *Stream) Observe(e plan.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := stepName(e.Step)
	switch {
	case e.Done:
		s.running[e.Index].timer.Stop()
		delete(s.running, e.Index)
		hook := s.hook(e)
		hook.Elapsed = seconds(e.Elapsed)
		if e.Err != nil {
			s.sendLocked(message{Level: levelError, Message: fmt.Sprintf("%s: failed after %v", name, rounded(e.Elapsed)), Type: "apply_errored", Hook: hook})
			return
		}
		if id := s.ids[e.Step.Path]; id != "" && e.Step.Op == plan.OpCreate {
			hook.IDKey, hook.IDValue = "id", id
		}
		s.sendLocked(message{Level: levelInfo, Message: fmt.Sprintf("%s: %s in %v", name, ended[e.Step.Op], rounded(e.Elapsed)), Type: "apply_complete", Hook: hook})
	case e.Total > 0:
		s.running[e.Index].event = e
		s.running[e.Index].pull.add(e.Progress, s.now())
	default:
		r := &runningStep{event: e, begin: s.now()}
		s.running[e.Index] = r
		r.timer = time.AfterFunc(s.every, func() { s.progress(e.Index) })
		s.sendLocked(message{Level: levelInfo, Message: fmt.Sprintf("%s: %s…", name, begun[e.Step.Op]), Type: "apply_start", Hook: s.hook(e)})
	}
}

// progress tells that a step still runs.
func (s *Stream) progress(index int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.running[index]
	if r == nil {
		return
	}
	r.timer.Reset(s.every)
	elapsed := s.now().Sub(r.begin).Round(time.Second)
	hook := s.hook(r.event)
	hook.Elapsed, hook.Bytes, hook.BytesTotal = seconds(elapsed), r.event.Bytes, r.event.Total
	if rate, ok := r.pull.rate(s.now()); ok {
		hook.BytesPerSecond = int64(rate)
	}
	text := fmt.Sprintf("%s: still %s… (%v)", stepName(r.event.Step), begun[r.event.Step.Op], elapsed)
	s.sendLocked(message{Level: levelInfo, Message: text, Type: "apply_progress", Hook: hook})
}

// hook returns the message of an event, for a holder of s.mu.
func (s *Stream) hook(e plan.Event) *hookMessage {
	return &hookMessage{Resource: s.known.of(e.Step), Action: stepAction(e.Step.Op), KukeOperation: e.Step.Op}
}

// End sends the result of an apply: the summary and the outputs, or diagnostics about the failed steps and the skipped ones.
func (s *Stream) End(r *plan.Result) {
	for _, e := range r.Exited {
		s.Diagnostics(resource.Diagnostics{{
			Severity: resource.Warning, Summary: "Container exited right after its start", Path: e.Path,
			Detail: fmt.Sprintf("Container %s: %s. To show its output: kuke logs %[1]s.", e.Path, e.Reason),
		}}, nil)
	}
	t := plan.CountOutcomes(r.Outcomes)
	text := fmt.Sprintf("%s complete: %s.", verb(r.Plan), doneCounts(r.Plan, t.Ops))
	if !r.Complete() {
		s.Diagnostics(failures(r, t), nil)
		return
	}
	operation := "apply"
	if r.Plan.Destroy {
		operation = "destroy"
	}
	s.info("change_summary", text, func(m *message) { m.Changes = summaryOf(r.Plan.Summary(), operation) })
	s.outputs(func(all map[string]outputMessage) {
		for name, o := range r.Outputs {
			all[name] = outputOf(o)
		}
	})
}

// failures returns an error for each failed step, and one about the whole plan.
func failures(r *plan.Result, t plan.OutcomeCounts) resource.Diagnostics {
	var ds resource.Diagnostics
	left := &listing{noun: "step"}
	for _, o := range r.Outcomes {
		switch {
		case o.Done:
		case o.Err != nil:
			detail := o.Err.Error()
			if len(o.Log) > 0 {
				detail += "\n\nThe last lines of its log:\n" + strings.Join(o.Log, "\n")
			}
			ds = append(ds, resource.Diagnostic{Severity: resource.Error, Summary: stepName(o.Step) + " " + failure(o.Step.Op), Detail: detail, Path: o.Step.Path})
		default:
			left.addf("\n%s", skipped(o))
		}
	}
	ds.Errorf(resource.Range{}, "", verb(r.Plan)+" incomplete", "%s. %s. Completed steps are recorded; the next apply continues from here.%s", doneCounts(r.Plan, t.Ops), stepCounts(t), left)
	return ds
}
