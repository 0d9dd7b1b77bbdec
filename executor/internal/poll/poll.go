// Package poll waits between two looks at something that nobody tells of.
package poll

import (
	"context"
	"time"
)

// Pause waits a moment before one looks again, or returns ctx's error.
func Pause(ctx context.Context) error {
	const poll = 50 * time.Millisecond
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(poll):
		return nil
	}
}
