package session

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
	"github.com/kukeon/kuke/planner/state/history"
)

// trail is the entry of the history of a plan that is carried out. Its number is 0 where there is no room for it on the disk.
type trail struct {
	log    *history.Log
	number uint64
	began  time.Time
}

// doneWords are the names of the counts of the history, by the operation.
var doneWords = map[plan.Op]string{
	plan.OpCreate: "added", plan.OpUpdate: "changed", plan.OpDelete: "destroyed", plan.OpStart: "started", plan.OpStop: "stopped",
	plan.OpKill: "signalled", plan.OpPause: "paused", plan.OpUnpause: "unpaused", plan.OpRecord: "recorded", plan.OpAdopt: "adopted",
	plan.OpForget: "forgotten",
}

// beginTrail writes to the history, before the first step, that the plan is carried out.
func (s *Session) beginTrail(w *world, p *plan.Plan) (*trail, error) {
	data, err := plan.Encode(p)
	if err != nil {
		return nil, fmt.Errorf("write the history: %w", err)
	}
	digest := plan.Digest(data)
	if p.Key != nil {
		shown := *p
		shown.Key = nil // the state alone has it
		if data, err = plan.Encode(&shown); err != nil {
			return nil, fmt.Errorf("write the history: %w", err)
		}
	}
	planned := counted(p)
	for _, step := range p.Steps {
		planned.add(step.Op)
	}
	policy := ""
	if p.Policy != nil {
		policy = p.Policy.Digest
	}
	return s.beginEntry(history.Begin{
		Project: p.Project, Directory: p.Directory, Targets: p.Targets, Rollback: p.Rollback,
		Plan: digest, Policy: policy, Planned: history.Counts(planned), SerialBefore: w.store.Current().Serial,
	}, data)
}

// beginEntry begins an entry of the history with the facts about this command; data is its plan, nil for none.
func (s *Session) beginEntry(b history.Begin, data []byte) (*trail, error) {
	t := &trail{log: history.New(s.RunPath), began: time.Now()}
	b.Host, _ = os.Hostname() // the other values help without it
	b.User, b.As = history.Who()
	b.Time, b.From, b.PID = t.began.UTC().Truncate(time.Second), history.Here(), os.Getpid()
	b.Command, b.Version = s.Command, s.Version
	var err error
	t.number, err = t.log.Begin(b, data)
	if errors.Is(err, syscall.ENOSPC) {
		// Commands that free space must still work.
		s.warnTrail(fmt.Errorf("%w. This command is missing in the history", err))
		t.number, err = 0, nil
	}
	return t, err
}

// endTrail writes the outcome to the history, and the configuration that is applied now. It returns err, joined with its own.
func (s *Session) endTrail(t *trail, w *world, p *plan.Plan, outcomes []plan.Outcome, err error) error {
	if t.number == 0 {
		return err
	}
	now := w.store.Current()
	if p.Project != "" {
		if kept := t.log.KeepConfiguration(t.number, history.ConfigurationOf(now, p.Project)); kept != nil {
			s.warnTrail(fmt.Errorf("%w. kuke plan --rollback %d is not possible", kept, t.number))
		}
	}
	end := history.End{Outcome: history.Complete, Failed: []history.Failure{}, SerialAfter: now.Serial}
	done := counted(p)
	for _, o := range outcomes {
		switch {
		case o.Done:
			done.add(o.Step.Op)
			continue
		case o.Err != nil:
			about := string(o.Step.Path)
			if o.Step.Image != nil {
				about = o.Step.Image.Reference
			}
			end.Failed = append(end.Failed, history.Failure{About: about, Operation: string(o.Step.Op), Error: o.Err.Error()})
		default:
			end.Skipped++
		}
		end.Outcome = history.Incomplete
	}
	end.Done = history.Counts(done)
	if outcomes == nil {
		end.Outcome, end.Skipped, end.Done = history.Incomplete, len(p.Steps), history.Counts{}
	}
	if end.Outcome == history.Incomplete && s.interrupted() {
		end.Outcome = history.Interrupted
	}
	return s.endEntry(t, end, err)
}

// endEntry ends an entry of the history. It returns err, joined with its own.
func (s *Session) endEntry(t *trail, end history.End, err error) error {
	if t.number == 0 {
		return err
	}
	if err != nil {
		end.Error = err.Error()
	}
	end.Duration = time.Since(t.began).Milliseconds()
	ended := t.log.End(t.number, time.Now().UTC().Truncate(time.Second), end)
	switch {
	case ended == nil:
		return err
	case errors.Is(ended, syscall.ENOSPC):
		s.warnTrail(fmt.Errorf("%w. The outcome of this command is missing in the history", ended))
		return err
	}
	return errors.Join(err, ended)
}

// announce tells the history how many records a change without a plan is about to change.
type announce func(history.Counts) error

// trailed carries out a change of records without a plan, which announces itself before it changes the first one. Without that
// it leaves no entry in the history.
func (s *Session) trailed(store *state.Store, change func(announce) error) error {
	var t *trail
	end := history.End{Outcome: history.Complete, Failed: []history.Failure{}}
	err := change(func(counts history.Counts) (err error) {
		end.Done = counts
		t, err = s.beginEntry(history.Begin{Planned: counts, SerialBefore: store.Current().Serial}, nil)
		return err
	})
	if t == nil {
		return err
	}
	if err != nil {
		end.Outcome, end.Done = history.Incomplete, history.Counts{}
	}
	end.SerialAfter = store.Current().Serial
	return s.endEntry(t, end, err)
}

func (s *Session) warnTrail(err error) {
	var ds resource.Diagnostics
	ds.Warnf(resource.Range{}, "", "Incomplete history", "%v.", err)
	s.Reporter.Diagnostics(ds, nil)
}

func (s *Session) interrupted() bool {
	select {
	case <-s.Interrupts.First():
		return true
	default:
		return false
	}
}

// stepCounts counts steps by the words of the history.
type stepCounts map[string]int

// counted returns the counts of the plan without its steps.
func counted(p *plan.Plan) stepCounts {
	c := stepCounts{}
	if n := len(p.Moves); n > 0 {
		c["moved"] = n
	}
	if n := len(p.Imports); n > 0 {
		c["imported"] = n
	}
	return c
}

func (c stepCounts) add(op plan.Op) {
	if word := doneWords[op]; word != "" {
		c[word]++
	}
}

// History returns the entries of the history, the oldest first.
func (s *Session) History() ([]history.Entry, error) {
	entries, unreadable, err := history.New(s.RunPath).Read()
	if err != nil {
		return nil, err
	}
	if unreadable > 0 {
		s.warnTrail(fmt.Errorf("%d lines of the history can't be read. They are left out", unreadable))
	}
	if n := len(entries); n > 0 {
		s.noteRunning(&entries[n-1])
	}
	return entries, nil
}

// noteRunning tells an entry whose command holds the lock now from one whose command was killed.
func (s *Session) noteRunning(e *history.Entry) {
	if h := state.CurrentHolder(s.RunPath); h != nil && h.PID == e.PID && e.Outcome == history.Unfinished {
		e.Outcome = history.Running
	}
}

// HistoryEntry returns an entry of the history, and its plan, which is nil with a reason where it can't be shown any more.
func (s *Session) HistoryEntry(number uint64) (entry *history.Entry, p *plan.Plan, why error, err error) {
	log := history.New(s.RunPath)
	if entry, err = log.Find(number); err != nil {
		return nil, nil, nil, err
	}
	s.noteRunning(entry)
	if entry.Plan == "" {
		return entry, nil, errors.New("the command changed records without a plan"), nil
	}
	data, err := log.Plan(number)
	if errors.Is(err, history.ErrNotKept) {
		return entry, nil, err, nil
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if p, err = plan.DecodeToShow(data); err != nil {
		return entry, nil, fmt.Errorf("the plan of entry %d %w", number, err), nil
	}
	return entry, p, nil, nil
}
