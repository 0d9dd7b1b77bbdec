// Package poll waits between two checks of a state that no event announces.
package poll

import (
	"context"
	"time"
)

// Pause waits 50 ms, or returns the error of ctx.
func Pause(ctx context.Context) error {
	const poll = 50 * time.Millisecond
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(poll):
		return nil
	}
}
