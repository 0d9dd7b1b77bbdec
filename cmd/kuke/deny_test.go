package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kukeon/kuke/cmd/kuke/help"
	"github.com/kukeon/kuke/planner/plan"
)

// TestHazardsTopic makes sure that the manual has a row for each code, in the order of the codes, with a condition and a remedy.
func TestHazardsTopic(t *testing.T) {
	topic, ok := help.Find("hazards")
	if !ok {
		t.Fatal("there is no topic hazards")
	}
	var codes []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (.+) \\| (.+) \\|$").FindAllStringSubmatch(topic.Markdown(), -1) {
		codes = append(codes, row[1])
		if !strings.HasSuffix(row[3], ".") || strings.HasSuffix(row[2], ".") {
			t.Errorf("%s: the condition is no sentence, the remedy one: %q, %q", row[1], row[2], row[3])
		}
	}
	if got, want := strings.Join(codes, " "), strings.Join(plan.HazardCodes(), " "); got != want {
		t.Errorf("the manual has the codes %s, want %s", got, want)
	}
}

func TestDeny(t *testing.T) {
	p := &plan.Plan{Hazards: []plan.Hazard{{Code: plan.PortGap, Path: "main/a"}, {Code: plan.DataLoss, Path: "main/a"}, {Code: plan.PortGap, Path: "main/b"}}}
	for codes, want := range map[string]string{
		"":                              "",
		plan.FloatingTag:                "",
		plan.PortGap:                    "--deny refuses hazards of this plan: port-gap (2 resources). Nothing was changed",
		"all":                           "--deny refuses hazards of this plan: data-loss, port-gap (2 resources). Nothing was changed",
		plan.DataLoss + " floating-tag": "--deny refuses hazards of this plan: data-loss. Nothing was changed",
	} {
		d := denials{codes: strings.Fields(codes)}
		if err := d.check(); err != nil {
			t.Error(err)
		}
		switch err := d.refuse(p); {
		case err == nil && want != "", err != nil && (want == "" || !strings.Contains(err.Error(), want)):
			t.Errorf("--deny %s: %v, want %q", codes, err, want)
		}
	}
	for _, unknown := range []string{"", "dataloss", "ALL"} {
		d := denials{codes: []string{unknown}}
		if err := d.check(); err == nil || !strings.Contains(err.Error(), strings.Join(plan.HazardCodes(), ", ")) {
			t.Errorf("%q: %v", unknown, err)
		}
	}
}
