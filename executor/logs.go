package executor

import (
	"context"
	"time"

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

// LogSettles waits until what a container that has just ended printed last can be read.
func LogSettles() { time.Sleep(logSettleTime) }

// logSettleTime is how long a line may take from the container to whoever follows its log.
const logSettleTime = 300 * time.Millisecond
