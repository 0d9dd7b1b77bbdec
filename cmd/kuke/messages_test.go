package main

import (
	"encoding/json"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// messages is the command: messages [TYPE ...]; it fails if the standard output of the last command is no stream of messages, or
// if the types of those after the first, each named once where it is repeated, are others.
func messages(ts *testscript.TestScript, neg bool, want []string) {
	if neg {
		ts.Fatalf("usage: messages [TYPE ...]")
	}
	var types []string
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var m struct {
			Level     string `json:"@level"`
			Message   string `json:"@message"`
			Timestamp string `json:"@timestamp"`
			Type      string `json:"type"`
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			ts.Fatalf("%q: %v", line, err)
		}
		if m.Level == "" || m.Message == "" || m.Timestamp == "" || m.Type == "" || (m.Type == "version") != (types == nil) {
			ts.Fatalf("%q is no message, or the versions are not told first", line)
		}
		if n := len(types); n == 0 || types[n-1] != m.Type {
			types = append(types, m.Type)
		}
	}
	if len(types) == 0 || strings.Join(types[1:], " ") != strings.Join(want, " ") {
		ts.Fatalf("the messages are %q, want %q", types, want)
	}
}
