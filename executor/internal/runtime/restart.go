package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/containers"
	"github.com/containerd/containerd/v2/core/runtime/restart"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"

	"github.com/kukeon/kuke/executor/internal/logs"
)

// containerd's restart monitor looks every ten seconds at the containers that have a status label, and starts those
// whose task doesn't run. It looks, decides and acts without a lock, and it removes what task there is before it makes
// its own: between its look and its act anything may have been done here, which it then undoes.

const (
	// settleTime is how long the monitor may take from its look to its act, or settleCalls times a call to containerd, which
	// is longer on a slow host.
	settleTime  = 300 * time.Millisecond
	settleCalls = 20
	// monitorRetries bounds how often something is done again that the monitor undid.
	monitorRetries = 5
)

// The two policies that SetRestart has and the monitor's names leave open.
const (
	policyNo     = "no"
	policyAlways = "always"
)

// RestartPolicies returns the policies that the daemon follows, without ":N". The one of containerd 1.6 knows none: it
// restarts every container that has one, whatever it says, so that it is "always" alone. A daemon that runs no restart
// monitor follows none.
func (c *Client) RestartPolicies(ctx context.Context) ([]string, error) {
	resp, err := c.c.IntrospectionService().Plugins(quiet(ctx), "id==restart")
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

// SetRestart puts the container into the care of containerd's restart monitor, which looks every ten seconds whether it
// runs, or takes it out. The policy is "always", "unless-stopped", "on-failure", "on-failure:N", or for none "no" or
// empty; what a task that it starts prints is appended to the file at logPath. A policy that changes begins with a count
// of 0. See [Client.RestartPolicies] for what becomes of it with containerd 1.6.
//
// On-failure needs the task that ended: after a reboot there is none, and the monitor leaves such a container alone.
// Call it after [Client.Start]: one that was never started is started by the monitor. [Client.Stop] and [Client.Remove]
// end the monitor's care.
func (c *Client) SetRestart(ctx context.Context, ns, id, policy, logPath string) error {
	return wrap(c.setRestart(in(ctx, ns), id, policy, logPath), "set restart policy of container %s", id)
}

func (c *Client) setRestart(ctx context.Context, id, policy, logPath string) error {
	want, err := c.restartLabels(policy, logPath)
	if err != nil {
		return err
	}
	for range monitorRetries {
		record, err := c.c.ContainerService().Get(ctx, id)
		if err != nil || hasRestart(record.Labels, want) {
			return err
		}
		if err := c.updateLabels(ctx, id, want); err != nil {
			return err
		}
		if record.Labels[restart.StatusLabel] == "" {
			return nil
		}
		// When it counts, the monitor writes back all labels as it read them a moment before.
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("containerd's restart monitor puts the old one back: %w", errdefs.ErrAborted)
}

// restartLabels returns all labels of the monitor, empty where they are to be taken away.
func (c *Client) restartLabels(policy, logPath string) (map[string]string, error) {
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
	uri, err := c.logURI(taskLog{file: logPath})
	if err != nil {
		return nil, err
	}
	labels[restart.StatusLabel] = string(containerd.Running)
	labels[restart.PolicyLabel] = policy
	labels[restart.LogURILabel] = uri
	labels[restart.ExplicitlyStoppedLabel] = "false"
	return labels, nil
}

// logURI is what a task gets as its output, from here and from the monitor alike.
func (c *Client) logURI(log taskLog) (string, error) {
	if c.logProgram != nil {
		program, err := c.logProgram()
		if err != nil {
			return "", fmt.Errorf("its log: %w", err)
		}
		return logs.URI(program, log.file, log.noteExit), nil
	}
	uri, err := cio.LogURIGenerator("file", log.file, nil)
	if err != nil {
		return "", fmt.Errorf("its log: %w", err)
	}
	return uri.String(), nil
}

// hasRestart compares all but the count, which is the monitor's.
func hasRestart(labels, want map[string]string) bool {
	for key, value := range want {
		if labels[key] != value && (key != restart.CountLabel || want[restart.StatusLabel] == "") {
			return false
		}
	}
	return true
}

// restartOf returns the policy of a container and how often it was restarted, -1 where no label says it.
func restartOf(labels map[string]string) (policy string, count int) {
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

// addZeroCounts puts 0 where no label holds a count, if the daemon would write one at the first restart.
func (c *Client) addZeroCounts(ctx context.Context, list []Container) error {
	open := func(entry Container) bool { return entry.RestartCount < 0 }
	if !slices.ContainsFunc(list, open) {
		return nil
	}
	policies, err := c.RestartPolicies(ctx)
	// The versions that know on-failure are those that count.
	if err != nil || !slices.Contains(policies, "on-failure") {
		return err
	}
	for i := range list {
		if open(list[i]) {
			list[i].RestartCount = 0
		}
	}
	return nil
}

func (c *Client) updateLabels(ctx context.Context, id string, labels map[string]string) error {
	var paths []string
	for key := range labels {
		paths = append(paths, "labels."+key)
	}
	_, err := c.c.ContainerService().Update(ctx, containers.Container{ID: id, Labels: labels}, paths...)
	return err
}

// settled is when the monitor has acted on what it saw before now, on a host where a call to containerd took so long.
func settled(call time.Duration) time.Time { return time.Now().Add(max(settleTime, settleCalls*call)) }

// release takes a container out of the monitor's care, and reports whether it was in it.
func (c *Client) release(ctx context.Context, container containerd.Container) (was bool, err error) {
	labels, err := container.Labels(ctx)
	if err != nil || labels[restart.StatusLabel] == "" {
		return false, err
	}
	return true, c.updateLabels(ctx, container.ID(), map[string]string{restart.StatusLabel: ""})
}

// retire ends the monitor's care and the task, and reports whether there was such care and how the task ended. It ends
// the task again when the monitor, which had decided already, started one; settle says to watch for that when the monitor may
// just have seen that none runs.
func (c *Client) retire(ctx context.Context, container containerd.Container, first *syscall.Signal, grace time.Duration, settle bool) (monitored bool, exit Exit, err error) {
	var failed error
	for range monitorRetries {
		begin := time.Now()
		was, err := c.release(ctx, container)
		call := time.Since(begin)
		if err != nil {
			return monitored, exit, err
		}
		monitored = monitored || was
		watch := settle && (!monitored || !c.runs(ctx, container))
		var ended Exit
		if ended, failed = c.endTask(ctx, container, first, grace); exit.At.IsZero() {
			exit = ended
		}
		switch {
		case !monitored:
			return false, exit, failed
		case failed == nil:
			until := time.Now()
			if watch {
				until = settled(call)
			}
			if down, err := c.staysDown(ctx, container, until); err != nil || down {
				return true, exit, err
			}
		case ctx.Err() != nil || errors.Is(failed, context.DeadlineExceeded):
			return true, exit, failed
		}
		// What the monitor has just started has nothing to finish.
		first = nil
		if err := pause(ctx); err != nil {
			return true, exit, err
		}
	}
	if failed == nil {
		failed = fmt.Errorf("containerd's restart monitor starts it again and again: %w", errdefs.ErrAborted)
	}
	return true, exit, failed
}

func (c *Client) runs(ctx context.Context, container containerd.Container) bool {
	task, err := container.Task(ctx, nil)
	if err != nil {
		return false
	}
	status, err := task.Status(ctx)
	return err == nil && status.Status == containerd.Running
}

// staysDown reports whether the container is out of the monitor's care and without a task until then.
func (c *Client) staysDown(ctx context.Context, container containerd.Container, end time.Time) (bool, error) {
	for {
		labels, err := container.Labels(ctx)
		if errdefs.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		made, err := c.hasTraces(ctx, container.ID())
		if err != nil || made || labels[restart.StatusLabel] != "" {
			return false, err
		}
		if !time.Now().Before(end) {
			return true, nil
		}
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
}

// hasTraces reports whether there is a task or one in the making.
func (c *Client) hasTraces(ctx context.Context, id string) (bool, error) {
	ns, err := namespaces.NamespaceRequired(ctx)
	if err != nil {
		return false, err
	}
	return c.left.hasTraces(ns, id), nil
}

// meetMonitor prepares the start of a container that the monitor may be starting as well, and reports whether it may:
// then both write into the same file.
func (c *Client) meetMonitor(ctx context.Context, container containerd.Container, log taskLog) (monitored bool, err error) {
	labels, err := container.Labels(ctx)
	if err != nil || labels[restart.StatusLabel] == "" {
		return false, err
	}
	uri, err := c.logURI(log)
	if err != nil || labels[restart.LogURILabel] == uri {
		return true, err
	}
	return true, c.updateLabels(ctx, container.ID(), map[string]string{restart.LogURILabel: uri})
}

// undisturbed reports whether the task that was just started is left to itself: the monitor, if it had decided already to
// start one, kills and removes it for its own. A killed task that stays was not killed by the monitor.
func undisturbed(ctx context.Context, task containerd.Task) (bool, error) {
	var end time.Time
	for {
		begin := time.Now()
		status, err := task.Status(ctx)
		if end.IsZero() {
			end = settled(time.Since(begin))
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
		if err := pause(ctx); err != nil {
			return false, err
		}
	}
}
