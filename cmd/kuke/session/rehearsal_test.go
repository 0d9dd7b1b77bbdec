package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/kukeon/kuke/planner/plan"
)

// The events of a lab arrive as they were: steps that run at the same time are told apart by their index.
func TestEventsOfALab(t *testing.T) {
	first, second := plan.Step{Op: plan.OpDelete, Path: "main/s/t/a/c"}, plan.Step{Op: plan.OpDelete, Path: "main/s/t/b/c"}
	sent := []plan.Event{
		{Index: 0, Step: first},
		{Index: 1, Step: second},
		{Index: 1, Step: second, Progress: plan.Progress{Bytes: 3, Total: 7}},
		{Index: 0, Step: first, Done: true, Elapsed: time.Second},
		{Index: 1, Step: second, Done: true, Elapsed: time.Second, Err: errors.New("it failed"), Exit: "code 1"},
	}
	var wire bytes.Buffer
	s := &speaker{out: json.NewEncoder(&wire)}
	for _, e := range sent {
		s.observe(e)
	}
	var got []plan.Event
	listen(&wire, &plan.Plan{}, func(e plan.Event) { got = append(got, e) })
	if !reflect.DeepEqual(got, sent) {
		t.Errorf("sent\n%+v\nreceived\n%+v", sent, got)
	}
}
