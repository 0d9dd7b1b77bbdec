// Package process reads the data of a process from /proc.
package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ticksPerSecond is the unit of times in /proc, the same on every architecture that Linux shows to programs.
const ticksPerSecond = 100

// StartTime returns the start time of a process, to a hundredth of a second.
func StartTime(pid int) (time.Time, error) {
	boot, err := bootTime()
	if err != nil {
		return time.Time{}, err
	}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return time.Time{}, err
	}
	// The name of the program, in parentheses, may hold any character; the 22nd field is the 20th after it.
	const field = 19
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) <= field {
		return time.Time{}, errors.New("/proc/PID/stat is too short")
	}
	ticks, err := strconv.ParseInt(fields[field], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the start time of process %d: %w", pid, err)
	}
	return boot.Add(time.Duration(ticks) * time.Second / ticksPerSecond), nil
}

// bootTime returns when the host was booted.
var bootTime = sync.OnceValues(func() (time.Time, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return time.Time{}, err
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "btime "); ok {
			seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			return time.Unix(seconds, 0).UTC(), err
		}
	}
	return time.Time{}, errors.New("/proc/stat does not tell when the host was booted")
})
