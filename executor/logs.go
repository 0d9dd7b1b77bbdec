package executor

import (
	"context"

	"github.com/kukeon/kuke/executor/internal/logs"
)

// LogEntry is a line that a container printed.
type LogEntry = logs.Entry

// LogOptions say which lines to read.
type LogOptions = logs.ReadOptions

// ReadLog calls f for the lines of the log in file, the oldest first. With Follow it goes on until ctx ends, and returns
// its error.
func ReadLog(ctx context.Context, file string, o LogOptions, f func(LogEntry) error) error {
	return logs.Read(ctx, file, o, f)
}
