package plan_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/kukeon/kuke/planner/plan"
)

func TestRehearsalJSON(t *testing.T) {
	image := plan.Step{Op: plan.OpImage, Image: &plan.Image{Reference: "a:1"}}
	r := &plan.Rehearsal{
		Outcomes: []plan.Outcome{
			{Step: image, Done: true},
			{Step: plan.Step{Op: plan.OpCreate, Path: "m/s/t/c/a"}, Err: errors.New("no program")},
			{Step: plan.Step{Op: plan.OpCheck, Path: "m/s/t/c/a"}},
		},
		Exited: []plan.RehearsedExit{{Exited: plan.Exited{Path: "m/s/t/c/b", Reason: "it exited with code 1"}}},
	}
	const failed = `{"passed":false,"steps":[{"op":"image","image":"a:1","outcome":"done"},` +
		`{"op":"create","path":"m/s/t/c/a","outcome":"failed","error":"no program"},{"op":"check","path":"m/s/t/c/a","outcome":"skipped"}],` +
		`"exited":[{"path":"m/s/t/c/b","reason":"it exited with code 1","output":[]}],"notes":[]}`
	for _, c := range []struct {
		r    *plan.Rehearsal
		want string
	}{
		{r, failed},
		{&plan.Rehearsal{}, `{"passed":true,"steps":[],"exited":[],"notes":[]}`},
		{&plan.Rehearsal{Err: errors.New("too long"), Notes: []string{"Note."}}, `{"passed":false,"error":"too long","steps":[],"exited":[],"notes":["Note."]}`},
	} {
		got, err := json.Marshal(c.r)
		if err != nil || string(got) != c.want {
			t.Errorf("%s, %v\nwant %s", got, err, c.want)
		}
	}
	for n, outcomes := range [][]plan.Outcome{r.Outcomes[:1], r.Outcomes[:2], r.Outcomes[2:]} {
		if passed := (&plan.Rehearsal{Outcomes: outcomes}).Passed(); passed != (n == 0) {
			t.Errorf("case %d passed: %v", n, passed)
		}
	}
}
