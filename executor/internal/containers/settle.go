package containers

import (
	"context"
	"slices"
	"time"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/poll"
)

const (
	// remakeTimeout limits the wait for tasks that the restart monitor is making, which it does within ten seconds.
	remakeTimeout = 10 * time.Second
	// restTime is the time for which a task in the making must not be seen: the monitor removes the old task first.
	restTime = 500 * time.Millisecond
)

// ListSettled is [List], but waits up to 10 seconds for tasks that the restart monitor is making: meanwhile the container
// has no task, or one that is not started. A container under the monitor without a task delays it by half a second.
func ListSettled(ctx context.Context, c *client.Client, ns string) ([]Container, error) {
	start := time.Now()
	seen := start // when a task in the making was last seen
	for {
		list, err := List(ctx, c, ns)
		now := time.Now()
		if err != nil || now.Sub(start) > remakeTimeout {
			return list, err
		}
		unsettled := slices.DeleteFunc(slices.Clone(list), atRest)
		if slices.ContainsFunc(unsettled, func(entry Container) bool { return c.Left.HasTraces(ns, entry.ID) }) {
			seen = now
		}
		if len(unsettled) == 0 || now.Sub(seen) > restTime {
			return list, nil
		}
		if err := poll.Pause(ctx); err != nil {
			return nil, err
		}
	}
}

// atRest reports whether the state of a container is one that the restart monitor leaves as it is.
func atRest(entry Container) bool {
	return entry.RestartPolicy == "" || entry.Status != "" && entry.Status != StatusCreated && entry.Status != StatusUnknown
}
