package session

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// recorder is a source that notes its calls, and a reporter that is silent. It decides at the given try.
type recorder struct {
	calls   []string
	decides int
	diags   resource.Diagnostics
	failing string
}

func (r *recorder) call(name string) error {
	r.calls = append(r.calls, name)
	if name == r.failing {
		return errors.New(name + " fails")
	}
	return nil
}

func (r *recorder) prepare(context.Context, *world) error { return r.call("prepare") }

func (r *recorder) values() (*resource.Tree, resource.SealKey) { return nil, nil }

func (r *recorder) wanted(*state.State) *resource.Tree { return resource.NewTree() }

func (r *recorder) look(context.Context, *world, *resource.Tree) (*plan.Actual, error) {
	return &plan.Actual{}, r.call("look")
}

func (r *recorder) decide(context.Context, *world, *resource.Tree, *plan.Actual) (*plan.Plan, resource.Diagnostics, error) {
	if err := r.call("decide"); err != nil {
		return nil, nil, err
	}
	if r.decides--; r.decides > 0 {
		return nil, nil, nil
	}
	if r.diags.HasErrors() {
		return nil, r.diags, nil
	}
	return &plan.Plan{}, r.diags, nil
}

func (r *recorder) Diagnostics(resource.Diagnostics, map[string][]byte) {
	r.calls = append(r.calls, "report")
}

func (r *recorder) Note(string) {}

// The host is looked at again as long as the source asks for it, warnings are reported once, and nothing follows a failure.
func TestPlanOrder(t *testing.T) {
	var warning, failure resource.Diagnostics
	warning.Warnf(resource.Range{}, "", "Careful", "It may break.")
	failure.Errorf(resource.Range{}, "", "Refused", "It would break.")
	for _, test := range []struct {
		name   string
		source recorder
		want   []string
		failed bool
	}{
		{"at once", recorder{}, []string{"prepare", "look", "decide"}, false},
		{"again", recorder{decides: 3, diags: warning}, []string{"prepare", "look", "decide", "look", "decide", "look", "decide", "report"}, false},
		{"refused", recorder{diags: failure}, []string{"prepare", "look", "decide"}, true},
		{"stale", recorder{failing: "prepare"}, []string{"prepare"}, true},
		{"unreachable", recorder{failing: "look"}, []string{"prepare", "look"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			from := &test.source
			s := &Session{Reporter: from}
			store := state.NewStore(t.TempDir())
			w := &world{exec: (&executor.Host{}).With(store), store: store, prior: &state.State{}}
			made, err := s.plan(t.Context(), w, from)
			if (err != nil) != test.failed || (made == nil) != test.failed {
				t.Errorf("got %v, %v", made, err)
			}
			if !slices.Equal(from.calls, test.want) {
				t.Errorf("called %v, want %v", from.calls, test.want)
			}
		})
	}
}
