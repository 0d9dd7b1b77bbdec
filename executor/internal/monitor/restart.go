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
	// settleTime is how long the monitor may take from its look to its act, or settleCalls times a call to containerd, which
	// is longer on a slow host.
	settleTime  = 300 * time.Millisecond
	settleCalls = 20
	// Retries bounds how often something is done again that the monitor undid.
	Retries = 5
)

// The two policies that [Set] has and the monitor's names leave open.
const (
	policyNo     = "no"
	policyAlways = "always"
)

// Policies returns the policies that the daemon follows, without ":N". The one of containerd 1.6 knows none: it
// restarts every container that has one, whatever it says, so that it is "always" alone. A daemon that runs no restart
// monitor follows none.
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

// Set puts the container into the care of containerd's restart monitor, which looks every ten seconds whether it
// runs, or takes it out. The policy is "always", "unless-stopped", "on-failure", "on-failure:N", or for none "no" or
// empty; what a task that it starts prints is appended to the file at logPath. A policy that changes begins with a count
// of 0. See [Policies] for what becomes of it with containerd 1.6.
//
// On-failure needs the task that ended: after a reboot there is none, and the monitor leaves such a container alone.
// Call it after [task.Start]: one that was never started is started by the monitor. [task.Stop] and [task.Remove]
// end the monitor's care.
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
		// When it counts, the monitor writes back all labels as it read them a moment before.
		if err := poll.Pause(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("containerd's restart monitor puts the old one back: %w", errdefs.ErrAborted)
}

// labelsFor returns all labels of the monitor, empty where they are to be taken away.
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

// has compares all but the count, which is the monitor's.
func has(labels, want map[string]string) bool {
	for key, value := range want {
		if labels[key] != value && (key != restart.CountLabel || want[restart.StatusLabel] == "") {
			return false
		}
	}
	return true
}

// Of returns the policy of a container and how often it was restarted, -1 where no label says it.
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

// Settled is when the monitor has acted on what it saw before now, on a host where a call to containerd took so long.
func Settled(call time.Duration) time.Time { return time.Now().Add(max(settleTime, settleCalls*call)) }

// Release takes a container out of the monitor's care, and reports whether it was in it.
func Release(ctx context.Context, c *client.Client, container containerd.Container) (was bool, err error) {
	labels, err := container.Labels(ctx)
	if err != nil || labels[restart.StatusLabel] == "" {
		return false, err
	}
	return true, c.UpdateLabels(ctx, container.ID(), map[string]string{restart.StatusLabel: ""})
}

// StaysDown reports whether the container is out of the monitor's care and without a task until then.
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

// Meet prepares the start of a container that the monitor may be starting as well, and reports whether it may:
// then both write into the same file.
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

// Undisturbed reports whether the task that was just started is left to itself: the monitor, if it had decided already to
// start one, kills and removes it for its own. A killed task that stays was not killed by the monitor.
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
