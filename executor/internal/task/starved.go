package task

import (
	"regexp"
	"strings"
)

// outOfProcesses and outOfMemory match the messages of runc for a limit that keeps it from starting a process. Its messages
// for the early death of a process of its own, diedEarly, fit both limits.
var (
	outOfProcesses = regexp.MustCompile(`resource temporarily unavailable|pthread_create failed|failed to create new OS thread`)
	outOfMemory    = regexp.MustCompile(`OOM-killed|cannot allocate memory|unable to set memory limit`)
	diedEarly      = regexp.MustCompile(`read init-p: connection reset by peer|can't get final child's PID from pipe|error executing setns process|read init-p: EOF|waiting for init preliminary setup|write init-p: broken pipe`)
)

// Starved returns the controllers, "pids" and "memory", whose limit may be the reason why a container or a command in it
// could not be started. sure says that there is no other possible reason.
func Starved(err error) (controllers []string, sure bool) {
	if err == nil {
		return nil, false
	}
	switch text := err.Error(); {
	case outOfMemory.MatchString(text) && !strings.Contains(text, "possibly OOM-killed"):
		return []string{"memory"}, true
	case outOfProcesses.MatchString(text):
		return []string{"pids"}, true
	case diedEarly.MatchString(text) || strings.Contains(text, "possibly OOM-killed"):
		return []string{"pids", "memory"}, false
	}
	return nil, false
}
