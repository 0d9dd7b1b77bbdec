package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state/history"
)

// hostileEntry has texts that others chose, which try to forge lines and to reach the terminal.
var hostileEntry = history.Entry{
	Begin: history.Begin{
		Number: 7, Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), User: "root", Host: "h", Command: "kuke apply", Project: "shop",
		From:    history.Origin{Directory: "/srv\n8   now", SSH: "\x1b[2J10.0.0.9", CI: &history.CI{System: "GitHub Actions", Job: "42", Actor: "bob\n8\t2026"}},
		Targets: []resource.Path{"main/s"}, Plan: "sha256:1", Planned: history.Counts{"added": 3}, SerialBefore: 4,
	},
	End: history.End{
		Outcome: history.Incomplete, Done: history.Counts{"added": 1, "destroyed": 2}, FailedMore: 2, Skipped: 1, Duration: 1500, SerialAfter: 5,
		Failed: []history.Failure{{About: "main/s/t/c/web", Operation: "start", Error: "no\nsuch \x1b]0;program"}},
	},
}

func TestHistory(t *testing.T) {
	var out bytes.Buffer
	v := newView(&out, false)
	unfinished := history.Entry{Begin: history.Begin{Number: 6, Time: hostileEntry.Time, User: "alice", As: "root", Command: "kuke apply", Rollback: 3, Planned: history.Counts{"added": 3}}, End: history.End{Outcome: history.Unfinished}}
	v.History([]history.Entry{hostileEntry, unfinished}, 5)
	at := hostileEntry.Time.Local().Format(time.DateTime)
	want := "N   TIME                  WHO                           COMMAND                      PROJECT   CHANGES                OUTCOME\n" +
		"7   " + at + "   bob 8 2026 (GitHub Actions)   kuke apply                   shop      1 added, 2 destroyed   incomplete: main/s/t/c/web and 2 more\n" +
		"6   " + at + "   alice as root                 kuke apply (rollback to 3)   -         planned: 3 added       unfinished\n" +
		"… and 5 more. List all: kuke history --limit 0\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestEntry(t *testing.T) {
	var out bytes.Buffer
	newView(&out, false).Entry(&hostileEntry)
	text := out.String()
	for _, want := range []string{
		"Duration    1.5s\n", "Done        1 added, 2 destroyed\n", "Directory   /srv 8 now\n", "Pipeline    GitHub Actions, 42, bob 8 2026\n",
		"Serial      4 before, 5 after\n", "Failed      main/s/t/c/web (start): no such ", "Failed      … and 2 more steps\n", "Not begun   1 step\n", "Targets     main/s\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Errorf("a control sequence is left in %q", text)
	}
}
