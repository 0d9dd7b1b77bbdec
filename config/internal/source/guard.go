package source

import (
	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// Guard runs work, which reads the file called name, and turns a panic into a diagnostic: the parsers are other people's;
// whatever they make of strange input, the user gets a message.
func Guard(name string, diags *resource.Diagnostics, work func()) {
	defer func() {
		if p := recover(); p != nil {
			diags.Errorf(resource.Range{File: name}, "", message.Bug, "Reading this file failed unexpectedly: %v. Please report it, with the file.", p)
		}
	}()
	work()
}
