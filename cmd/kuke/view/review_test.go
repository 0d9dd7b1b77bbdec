package view

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner"
	"github.com/kukeon/kuke/planner/plan"
)

// reviewed returns a plan with a cost and hazards of n containers.
func reviewed(t *testing.T, n int) *plan.Plan {
	p := planned(t, everything, planner.Options{})
	bytes, small, seconds := int64(1_234_567_890), int64(45_000_000), 1.96
	c := &plan.Cost{Pulls: []plan.Pull{{Reference: "a", Bytes: &small}}}
	for i := range n {
		in := resource.Path(fmt.Sprintf("main/default/blog/web-%d", i))
		at := in + "/db"
		c.Restarted = append(c.Restarted, at)
		c.Interruptions = append(c.Interruptions, plan.Interruption{Cell: in, Seconds: &seconds})
		c.ClosedPorts = append(c.ClosedPorts, plan.ClosedPort{Cell: in, Port: fmt.Sprintf("%d:80", 8080+i), Reopened: i%2 == 0})
		c.Losses = append(c.Losses, plan.Loss{Container: at})
		p.Hazards = append(p.Hazards, plan.Hazard{Code: plan.DataLoss, Path: at, Detail: fmt.Sprintf("%d GB \x1b[31mgo", i)}, plan.Hazard{Code: plan.PortGap, Path: at, Detail: "It closes."})
	}
	if n > 0 {
		c.Losses[n/2].Bytes = &bytes
		c.Losses[n-1].Bytes = &small
	}
	if n > 1 {
		c.Pulls = append(c.Pulls, plan.Pull{Reference: "b"})
	}
	p.Cost = c
	return p
}

// ofReview returns the lines of a plan from its summary on.
func ofReview(ink *palette, p *plan.Plan) string {
	text := ink.plan(p).String()
	return text[strings.Index(text, "Plan:"):]
}

func TestReview(t *testing.T) {
	var b strings.Builder
	for _, n := range []int{0, 1, 2, 5, 200} {
		fmt.Fprintf(&b, "== %d ==\n%s", n, ofReview(newPalette(false), reviewed(t, n)))
	}
	golden(t, "hazards", false, func(v *View) { v.Text(b.String()) })
	golden(t, "hazards.color", true, func(v *View) { v.Text(ofReview(v.ink, reviewed(t, 1))) })
}

// Names are in the order in which people count, and numbers that count on are one entry.
func TestNamesInOrder(t *testing.T) {
	p := &plan.Plan{Cost: &plan.Cost{}}
	for _, i := range []int{0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9} {
		cell := resource.Path(fmt.Sprintf("main/s/t/app-%d", i))
		p.Cost.ClosedPorts = append(p.Cost.ClosedPorts, plan.ClosedPort{Port: fmt.Sprintf("%d:80", 8000+i), Cell: cell})
		p.Cost.Restarted = append(p.Cost.Restarted, cell+"/web")
		p.Hazards = append(p.Hazards, plan.Hazard{Code: plan.PortGap, Path: cell + "/web", Detail: fmt.Sprintf("Port %d is closed.", 8000+i)})
	}
	const cost = "Cost: 12 containers restarted, ports 8000 … 8011 closed.\n"
	const hazards = `
Warning: port-gap (12 resources)

  container main/s/t/app-0/web: Port 8000 is closed.
  container main/s/t/app-1/web: Port 8001 is closed.
  container main/s/t/app-2/web: Port 8002 is closed.
  … and 9 more: main/s/t/app-3/web, main/s/t/app-4/web, `
	ink := newPalette(false)
	if got := ink.cost(p).String() + ink.hazards(p).String(); !strings.HasPrefix(got, cost+hazards) {
		t.Errorf("got\n%s", got)
	}
	items := costItems(p)
	if closed := items[0].Names; len(closed) != 12 || closed[2] != "8002:80 of main/s/t/app-2" {
		t.Errorf("the ports are %v", closed)
	}
	if restarted := items[1].Names; len(restarted) != 1 || restarted[0] != "main/s/t/app-0/web … main/s/t/app-11/web" {
		t.Errorf("the containers are %v", restarted)
	}
}

// On a terminal no word of the cost, of a hazard or of an error is broken by its edge.
func TestProseOnTerminal(t *testing.T) {
	ink := newPalette(false)
	ink.terminal, ink.width = true, 60
	p := reviewed(t, 5)
	text := ink.cost(p).String() + ink.hazards(p).String()
	text += ink.diagnostics(resource.Diagnostics{{Summary: "Wrong", Detail: strings.Repeat("some words ", 20) + "\n\nAnd more."}}, nil).String()
	var b strings.Builder
	v := newView(&b, false)
	v.ink = ink
	v.Error(errors.New("several words of an error: "+strings.Repeat("more words ", 10)), nil)
	for line := range strings.SplitSeq(text+b.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > ink.width && strings.Count(strings.TrimSpace(line), " ") > 0 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
	if !strings.Contains(text, "words\n  some") || !strings.Contains(text, "\n\n  And more.\n") {
		t.Errorf("the detail is indented otherwise:\n%s", text)
	}
}

// A plan without effect on anything that runs has no line of costs.
func TestNoCost(t *testing.T) {
	p := &plan.Plan{
		Changes: []*plan.Change{{Path: "main", Action: plan.Create}}, Steps: []plan.Step{{Op: plan.OpCreate, Path: "main"}},
		Cost: &plan.Cost{},
	}
	ink := newPalette(false)
	if got := ink.cost(p).String() + ink.hazards(p).String(); got != "" {
		t.Errorf("printed %q", got)
	}
}
