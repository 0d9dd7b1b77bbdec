package executor

import (
	"context"
	"time"

	"github.com/kukeon/kuke/executor/internal/logs"
)

// LogEntry is a line of a container's output.
type LogEntry = logs.Entry

// LogOptions select the lines to read.
type LogOptions = logs.ReadOptions

// ReadLog calls f for the lines of the log in file, the oldest first. With Follow it continues until ctx ends, and returns
// its error.
func ReadLog(ctx context.Context, file string, o LogOptions, f func(LogEntry) error) error {
	return logs.Read(ctx, file, o, f)
}

// LogSettles waits until the last output of a container that has just ended can be read.
func LogSettles() { time.Sleep(logSettleTime) }

// logSettleTime is the maximum time that a line takes from the container to its log.
const logSettleTime = 300 * time.Millisecond
