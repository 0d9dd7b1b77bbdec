package planner

import (
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

func TestExternal(t *testing.T) {
	h := made(t)
	for _, r := range h.prior.Records {
		r.Status.Project = "base"
	}
	mine := example(func(s specs) { s[theCell+"/mine"] = &resource.Container{Image: "mine:1"} })
	for _, r := range mine.Resources() {
		r.External = r.Path.Name() != "mine"
	}
	p := h.converge(mine, Options{})
	compare(t, changesOf(p), "create main/default/blog/web/mine\n")
	compare(t, changesOf(h.converge(nil, Options{Destroy: true})), "delete main/default/blog/web/mine\n")
}

// What is external is neither changed nor repaired, whatever the configuration says of it.
func TestExternalIsLeftAlone(t *testing.T) {
	h := made(t)
	h.kill(theSide, 1)
	desired := example(func(s specs) { container(s, theSide).Image = "missing:9" })
	desired.Resource(theSide).External = true
	if p := h.plan(desired, Options{}); !p.Empty() {
		t.Errorf("plan:\n%s", text(p))
	}
}
