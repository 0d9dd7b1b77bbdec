package monitor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/executor/internal/poll"
)

const (
	// settleTime is the time that the monitor may take from its check to its act, or settleCalls times a call to containerd,
	// which is longer on a slow host.
	settleTime  = 300 * time.Millisecond
	settleCalls = 20
	// Retries limits the repetitions of a change that the monitor undid.
	Retries = 5
)

// The two policies that [Set] takes besides those of the monitor.
const (
	policyNo     = "no"
	policyAlways = "always"
)

// Never reports whether the policy says that a container is never restarted. The exit of its task is then noted beside its log.
// An empty policy leaves that open.
func Never(policy string) bool { return policy == policyNo }

// OnFailure reports whether the policy says that only an exit with another code than 0 is followed by a restart.
func OnFailure(policy string) bool {
	name, _, _ := strings.Cut(policy, ":")
	return name == "on-failure"
}

// Policies returns the restart policies that the daemon follows, without ":N". The daemon of containerd 1.6 knows none and
// restarts every container that has one, so that its only policy is "always". A daemon without a restart monitor follows
// none.
func Policies(ctx context.Context, c *client.Client) ([]string, error) {
	resp, err := c.Containerd.IntrospectionService().Plugins(client.Quiet(ctx), "id==restart")
	if err != nil {
		return nil, fmt.Errorf("ask containerd for its restart monitor: %w", errgrpc.ToNative(err))
	}
	for _, plugin := range resp.Plugins {
		if plugin.InitErr != nil {
			continue
		}
		if len(plugin.Capabilities) == 0 {
			return []string{policyAlways}, nil
		}
		return plugin.Capabilities, nil
	}
	return nil, nil
}

// Set has containerd's restart monitor watch the container, which it checks every ten seconds, or ends that. The policy is
// "always", "unless-stopped", "on-failure" or "on-failure:N"; "no" or an empty policy is none. The output of tasks that the
// monitor starts is appended to the file at logPath. A change of the policy resets the count to 0. See [Policies] for its
// effect with containerd 1.6.
//
// On-failure needs the ended task: after a reboot there is none, and the monitor ignores the container. Call Set after
// [task.Start]: the monitor starts a container that was never started. [task.Stop] and [task.Remove] end the watch.
func Set(ctx context.Context, c *client.Client, ns, id, policy, logPath string) error {
	return client.Wrap(set(client.In(ctx, ns), c, id, policy, logPath), "set restart policy of container %s", id)
}

func set(ctx context.Context, c *client.Client, id, policy, logPath string) error {
	want, err := labelsFor(c, policy, logPath)
	if err != nil {
		return err
	}
	for range Retries {
		record, err := c.Containerd.ContainerService().Get(ctx, id)
		if err != nil || has(record.Labels, want) {
			return err
		}
		if err := c.UpdateLabels(ctx, id, want); err != nil {
			return err
		}
		if record.Labels[restart.StatusLabel] == "" {
			return nil
		}
		// When it counts a restart, the monitor writes back all labels as it read them a moment before.
		if err := poll.Pause(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("containerd's restart monitor puts the old one back: %w", errdefs.ErrAborted)
}

// labelsFor returns all labels of the monitor, empty ones for removal.
func labelsFor(c *client.Client, policy, logPath string) (map[string]string, error) {
	labels := map[string]string{
		restart.StatusLabel: "", restart.PolicyLabel: "", restart.LogURILabel: "",
		restart.ExplicitlyStoppedLabel: "", restart.CountLabel: "",
	}
	if policy == "" || policy == policyNo {
		return labels, nil
	}
	parsed, err := restart.NewPolicy(policy)
	if err != nil || parsed.MaximumRetryCount() < 0 || strings.Count(policy, ":") > 1 {
		return nil, fmt.Errorf("unknown policy %q: %w", policy, errdefs.ErrInvalidArgument)
	}
	uri, err := LogURI(c, Log{File: logPath})
	if err != nil {
		return nil, err
	}
	labels[restart.StatusLabel] = string(containerd.Running)
	labels[restart.PolicyLabel] = policy
	labels[restart.LogURILabel] = uri
	labels[restart.ExplicitlyStoppedLabel] = "false"
	return labels, nil
}

// has reports whether the labels are those wanted, except the count, which is the monitor's.
func has(labels, want map[string]string) bool {
	for key, value := range want {
		if labels[key] != value && (key != restart.CountLabel || want[restart.StatusLabel] == "") {
			return false
		}
	}
	return true
}

// Of returns the policy of a container and its number of restarts, -1 where no label holds it.
func Of(labels map[string]string) (policy string, count int) {
	if labels[restart.StatusLabel] != string(containerd.Running) {
		return "", 0
	}
	policy = labels[restart.PolicyLabel]
	if policy == "" {
		policy = policyAlways
	}
	count, err := strconv.Atoi(labels[restart.CountLabel])
	if err != nil {
		count = -1
	}
	return policy, count
}

// Settled returns the time at which the monitor has acted on its last check, on a host where a call to containerd takes the
// given time.
func Settled(call time.Duration) time.Time { return time.Now().Add(max(settleTime, settleCalls*call)) }

// Release ends the watch of the monitor over a container, and reports whether it watched it.
func Release(ctx context.Context, c *client.Client, container containerd.Container) (was bool, err error) {
	labels, err := container.Labels(ctx)
	if err != nil || labels[restart.StatusLabel] == "" {
		return false, err
	}
	return true, c.UpdateLabels(ctx, container.ID(), map[string]string{restart.StatusLabel: ""})
}

// StaysDown reports whether the container stays unwatched and without a task until end.
func StaysDown(ctx context.Context, c *client.Client, container containerd.Container, end time.Time) (bool, error) {
	for {
		labels, err := container.Labels(ctx)
		if errdefs.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		made, err := c.HasTraces(ctx, container.ID())
		if err != nil || made || labels[restart.StatusLabel] != "" {
			return false, err
		}
		if !time.Now().Before(end) {
			return true, nil
		}
		if err := poll.Pause(ctx); err != nil {
			return false, err
		}
	}
}

// Meet prepares the start of a container that the monitor may be starting at the same time, and reports whether it may:
// then both write to the same log.
func Meet(ctx context.Context, c *client.Client, container containerd.Container, log Log) (monitored bool, err error) {
	labels, err := container.Labels(ctx)
	if err != nil || labels[restart.StatusLabel] == "" {
		return false, err
	}
	uri, err := LogURI(c, log)
	if err != nil || labels[restart.LogURILabel] == uri {
		return true, err
	}
	return true, c.UpdateLabels(ctx, container.ID(), map[string]string{restart.LogURILabel: uri})
}

// Undisturbed reports whether the monitor leaves the task alone that was just started: if it had decided before to start
// one, it kills and removes this task for its own. A killed task that stays was not killed by the monitor.
func Undisturbed(ctx context.Context, task containerd.Task) (bool, error) {
	var end time.Time
	for {
		begin := time.Now()
		status, err := task.Status(ctx)
		if end.IsZero() {
			end = Settled(time.Since(begin))
		}
		if errdefs.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		stopped := status.Status == containerd.Stopped
		if stopped && status.ExitStatus != 128+uint32(syscall.SIGKILL) {
			return true, nil
		}
		if !time.Now().Before(end) {
			return stopped || status.Status == containerd.Running, nil
		}
		if err := poll.Pause(ctx); err != nil {
			return false, err
		}
	}
}
