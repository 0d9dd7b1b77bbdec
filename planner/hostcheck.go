package planner

import (
	"fmt"
	"path"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// hostCheck makes sure that the host has everything that resources need.
type hostCheck struct {
	in    *input
	diags *resource.Diagnostics
}

func (h *hostCheck) checkPlugins() {
	if len(h.in.actual.MissingPlugins) == 0 {
		return
	}
	for _, r := range h.in.desired.Resources() {
		if k := r.Path.Kind(); !r.External && (k == resource.KindSpace || k == resource.KindCell || k == resource.KindContainer) {
			h.diags.Errorf(r.Declared, r.Path, "CNI plugins are missing",
				"%s %s needs a network, but this host lacks %s: install them (apt-get install containernetworking-plugins iptables), or name their directory with --cni-bin-dir.",
				k.Lower(), r.Path, strings.Join(h.in.actual.MissingPlugins, ", "))
			return
		}
	}
}

// checkRestartPolicy refuses a policy that this containerd doesn't keep to: 1.6 takes every one for always, which makes
// no difference to unless-stopped, and restarts a container without its terminal, which runc refuses.
func (h *hostCheck) checkRestartPolicy(want *resource.Resource) {
	c, ok := want.Spec.(*resource.Container)
	if !ok || c.RestartPolicy == "" || c.RestartPolicy == "no" {
		return
	}
	kept := h.in.actual.RestartPolicies
	if h.in.actual.Keeps(c.RestartPolicy) {
		if c.TTY && !h.in.actual.Keeps("on-failure") {
			h.diags.Errorf(want.RangeOf("restartPolicy"), want.Path, "Restart policy can't be kept",
				"container %s has a terminal, without which containerd %s would restart it, so that it could not run: use containerd 1.7 or later, or remove tty or the restart policy.", want.Path, h.in.actual.Version)
		}
		return
	}
	known := "has no restart monitor"
	if len(kept) > 0 {
		known = "only keeps to " + strings.Join(kept, ", ")
	}
	h.diags.Errorf(want.RangeOf("restartPolicy"), want.Path, "Restart policy can't be kept",
		"container %s has the restart policy %s, but containerd %s %s: use containerd 1.7 or later, or another policy.", want.Path, c.RestartPolicy, h.in.actual.Version, known)
}

// checkFlaws makes sure that a container to be created can run, by its image. An image that is still to be pulled can't be
// inspected yet: the step that prepares the container does that.
func (h *hostCheck) checkFlaws(want *resource.Resource, after *state.Record) {
	spec := want.Spec.(*resource.Container)
	if local := h.in.actual.Images[plan.ImageKey{Namespace: after.Status.Namespace, Reference: spec.Image}].Local; local == "" || local != after.Status.ImageDigest {
		return
	}
	for _, f := range h.in.actual.Flaws[want.Path] {
		h.diags.Errorf(want.RangeOf(f.Attribute), want.Path, f.Summary, "container %s %s", want.Path, f.Text)
	}
}

// checkJournal makes sure that the host has a journal if the container logs to it.
func (h *hostCheck) checkJournal(want *resource.Resource) {
	c, ok := want.Spec.(*resource.Container)
	if ok && c.LogDriver() == resource.LogJournald && h.in.actual.MissingPaths[resource.JournalSocket] {
		h.diags.Errorf(want.RangeOf("logging.driver"), want.Path, "No journal",
			"container %s logs to the journal, but this host has none: there is no %s. Start systemd-journald, or choose the logging driver local.", want.Path, resource.JournalSocket)
	}
}

// checkHostPaths makes sure that the host has all that a container which will be made uses.
func (h *hostCheck) checkHostPaths(want *resource.Resource) {
	spec := want.Spec.(*resource.Container)
	for _, f := range h.in.actual.HostFlaws[want.Path] {
		h.diags.Errorf(want.RangeOf(f.Attribute), want.Path, f.Summary, "container %s %s", want.Path, f.Text)
	}
	for _, v := range spec.Volumes {
		at := want.RangeOf(fmt.Sprintf("volumes[%q].source", v.Target))
		if v.Source != "" && h.in.actual.MissingPaths[v.Source] && !v.CreateHostPath {
			remedy := "create it first, or set create_host_path (in YAML createHostPath) to have a directory created"
			if path.Base(v.Source) == "docker.sock" {
				remedy = "kuke runs containers without Docker, and a program that asks Docker for containers doesn't find those of kuke. Configure the program without Docker, as with files for a proxy, or install Docker beside kuke"
			}
			h.diags.Errorf(at, want.Path, "Volume source is missing",
				"container %s mounts %s at %s, but this host has no %s: %s.", want.Path, v.Source, v.Target, v.Source, remedy)
		}
		on := h.in.actual.Unpropagated[plan.PropagationKey{Source: v.Source, Propagation: v.Propagation}]
		if on == "" {
			continue
		}
		needs := "a shared mount"
		if v.NeedsSlave() {
			needs = "a shared mount, or on a slave of one"
		}
		h.diags.Errorf(want.RangeOf(fmt.Sprintf("volumes[%q].propagation", v.Target)), want.Path, "Propagation not possible",
			"container %s mounts %s with the propagation %s, which needs a source on %s, but on this host it is on a %s mount: make it one (mount --bind %[2]s %[2]s && mount --make-shared %[2]s), or choose another propagation.", want.Path, v.Source, v.Propagation, needs, on)
	}
	for _, device := range spec.Devices {
		if host := resource.DeviceHostPath(device); h.in.actual.MissingPaths[host] {
			h.diags.Errorf(want.RangeOf("devices"), want.Path, "Device is missing", "container %s uses device %s, which this host doesn't have. Connect it, load its kernel module, or remove it from devices.", want.Path, host)
		} else if h.in.actual.NotDevices[host] {
			h.diags.Errorf(want.RangeOf("devices"), want.Path, "Not a device", "container %s uses %s as a device, but on this host it is none, nor a directory that holds any. Mount it as a volume, or correct the path.", want.Path, host)
		}
	}
}
