package planner

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// text spells a plan for people and for comparison: a line for each change, its reasons and what forces it, then
// a line for each step.
func text(p *plan.Plan) string {
	var b strings.Builder
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "%s %s", c.Action, c.Path)
		if c.Start && c.Action != plan.Start && c.Action != plan.Restart {
			b.WriteString(" and start")
		}
		if c.Check != "" {
			fmt.Fprintf(&b, " until %s", c.Check)
		}
		b.WriteString("\n")
		for _, r := range c.Reasons {
			fmt.Fprintf(&b, "  # %s\n", r)
		}
		if c.Action == plan.Update || c.Action == plan.Replace && c.Before != nil {
			for _, d := range c.Diffs {
				if d.Computed && c.Action == plan.Replace {
					continue
				}
				mark := ""
				if d.ForcesReplacement {
					mark = "!"
				}
				fmt.Fprintf(&b, "  %s%s: %v -> %v\n", mark, d.Name, d.Before, d.After)
			}
		}
	}
	b.WriteString("--\n")
	for i, s := range p.Steps {
		name := string(s.Path)
		if s.Image != nil {
			name = fmt.Sprintf("%s %s", s.Image.Namespace, s.Image.Reference)
		}
		if s.Op == plan.OpNames {
			for _, n := range p.Names {
				if n.Space == s.Path {
					name = fmt.Sprint(n.Update)
				}
			}
		}
		fmt.Fprintf(&b, "%d %s %s", i, s.Op, name)
		if len(s.After) > 0 {
			fmt.Fprintf(&b, " after %v", s.After)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// changesOf is the part of text before the steps.
func changesOf(p *plan.Plan) string {
	changes, _, _ := strings.Cut(text(p), "--\n")
	return changes
}

func asJSON(t rapid.TB, v any) string {
	t.Helper()
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// tree builds a tree out of specs by path.
func tree(specs map[resource.Path]resource.Spec) *resource.Tree {
	t := resource.NewTree()
	for p, spec := range specs {
		t.Add(&resource.Resource{Path: p, Spec: spec, Declared: resource.Range{File: "main.hcl", Start: resource.Pos{Line: p.Depth(), Column: 1}}})
	}
	return t
}

type specs = map[resource.Path]resource.Spec

const (
	theRealm = resource.Path("main")
	theSpace = resource.Path("main/default")
	theStack = resource.Path("main/default/blog")
	theCell  = resource.Path("main/default/blog/web")
	theRoot  = resource.Path("main/default/blog/web/web")
	theSide  = resource.Path("main/default/blog/web/side")
)

// example is a cell of a root container and another, and all above it, changed by edit.
func example(edit func(specs)) *resource.Tree {
	s := specs{
		theRealm: &resource.Realm{}, theSpace: &resource.Space{}, theStack: &resource.Stack{}, theCell: &resource.Cell{},
		theRoot: &resource.Container{Root: true, Image: "web:1"}, theSide: &resource.Container{Image: "side:1"},
	}
	if edit != nil {
		edit(s)
	}
	return tree(s)
}

// made returns a host on which the example was applied.
func made(t rapid.TB) *host {
	t.Helper()
	h := newHost(t)
	h.converge(example(nil), Options{})
	return h
}

func (h *host) at(p resource.Path) *plan.Container {
	return h.actual.Container("kukeon-main", resource.ContainerID(p))
}

func (h *host) kill(p resource.Path, code uint32) {
	c := h.at(p)
	c.Status, c.ExitCode, c.NetNS, c.PID = plan.TaskStopped, code, 0, 0
}

// wantOrder makes sure that of two steps of a plan one waits, if only through others, for the other.
func wantOrder(t *testing.T, p *plan.Plan, first, second string) {
	t.Helper()
	place := func(name string) int {
		for i, s := range p.Steps {
			if string(s.Op)+" "+string(s.Path) == name {
				return i
			}
		}
		t.Fatalf("no step %q:\n%s", name, text(p))
		return -1
	}
	from, to := place(second), place(first)
	var reaches func(int) bool
	reaches = func(i int) bool {
		return i == to || slices.ContainsFunc(p.Steps[i].After, reaches)
	}
	if !reaches(from) {
		t.Errorf("%q does not wait for %q:\n%s", second, first, text(p))
	}
}
