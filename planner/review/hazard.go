package review

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// check is the condition of a kind of hazard. It returns the detail of the hazard that the change has, or "".
type check struct {
	code string
	find func(*hazards, *plan.Change) string
}

// checks are in the order of the codes.
var checks = []check{
	{plan.DataLoss, (*hazards).dataLoss},
	{plan.MassDestruction, (*hazards).massDestruction},
	{plan.RealmDestroyed, (*hazards).realmDestroyed},
	{plan.PrivilegedAdded, (*hazards).privilegedAdded},
	{plan.HostNetwork, (*hazards).hostNetwork},
	{plan.HostMount, (*hazards).hostMount},
	{plan.PortExposed, (*hazards).portExposed},
	{plan.EgressWidened, (*hazards).egressWidened},
	{plan.LimitBelowUse, (*hazards).limitBelowUse},
	{plan.VolumeDetached, (*hazards).volumeDetached},
	{plan.ProtectionRemoved, (*hazards).protectionRemoved},
	{plan.SecretInEnv, (*hazards).secretInEnv},
	{plan.RootReplaced, (*hazards).rootReplaced},
	{plan.PortGap, (*hazards).portGap},
	{plan.FloatingTag, (*hazards).floatingTag},
}

// hazards finds those of a plan.
type hazards struct {
	*reviewer
	// closed are the published ports that the change of a resource closes.
	closed map[resource.Path][]closure
	// floating are the containers that the plan makes of an image by a tag that floats.
	floating map[plan.ImageKey][]resource.Path
	// deleted are the containers of the project that the plan destroys, of owned ones.
	deleted []resource.Path
	owned   int
	// within counts the containers that go with a realm.
	within map[resource.Path]int
}

// Hazards returns the risks of a plan that a reviewer needs to know of, in the order of the changes, and of the codes for each.
func Hazards(in Input) []plan.Hazard {
	h := &hazards{reviewer: newReviewer(in), closed: map[resource.Path][]closure{}, floating: map[plan.ImageKey][]resource.Path{}, within: map[resource.Path]int{}}
	h.survey()
	var all []plan.Hazard
	for _, c := range in.Plan.Changes {
		for _, check := range checks {
			if detail := check.find(h, c); detail != "" {
				all = append(all, plan.Hazard{Code: check.code, Path: c.Path, Detail: oneLine(detail)})
			}
		}
	}
	return all
}

// survey counts the facts about several changes.
func (h *hazards) survey() {
	for _, cell := range h.cells {
		for _, c := range h.closures(cell) {
			h.closed[c.by] = append(h.closed[c.by], c)
		}
	}
	for p, r := range h.prior.Records {
		if p.Kind() == resource.KindContainer && r.Status.Project == h.Plan.Project {
			h.owned++
		}
	}
	for _, c := range h.Plan.Changes {
		if c.Path.Kind() != resource.KindContainer {
			continue
		}
		if key, floats := floatingImage(c); floats {
			h.floating[key] = append(h.floating[key], c.Path)
		}
		if r := h.prior.Records[c.Path]; c.Action == plan.Delete && r != nil && r.Status.Project == h.Plan.Project {
			h.deleted = append(h.deleted, c.Path)
		}
		if c.Action == plan.Delete || c.Action == plan.Replace {
			h.within[c.Path.Realm()]++
		}
	}
}

// specs returns the specs of a change before and after, nil where there is none.
func specs[S resource.Spec](c *plan.Change) (before, after S) {
	of := func(r *state.Record) (s S) {
		if r != nil {
			s, _ = r.Spec.(S)
		}
		return s
	}
	return of(c.Before), of(c.After)
}

// made reports whether the change makes a container, and returns its spec with that of the one before; nil for none.
func made(c *plan.Change) (before, after *resource.Container, ok bool) {
	before, after = specs[*resource.Container](c)
	return before, after, after != nil && (c.Action == plan.Create || c.Action == plan.Replace)
}

func (h *hazards) dataLoss(c *plan.Change) string {
	if v, _ := specs[*resource.Volume](c); v != nil && c.Action == plan.Delete && v.Path == "" && v.DriverOpts == nil {
		return "The volume is deleted with its data. Back up the data first, or keep the volume: without reclaim_policy = \"Delete\", and without --volumes, it is kept."
	}
	loss := h.loss(c)
	if loss == nil {
		return ""
	}
	const remedy = "Copy it to a volume first, or mount a volume there"
	if loss.Bytes == nil {
		return "Its own file system is deleted, and could not be looked at. Make sure that all data to keep is in volumes."
	}
	largest := ""
	if name := h.Facts.Files[c.Path].Largest; name != "" {
		largest = ": the largest file is " + name
	}
	return fmt.Sprintf("%s in its own file system, outside of its volumes, is deleted%s. %s.", Size(*loss.Bytes), largest, remedy)
}

// floatingImage returns the image of a container that the change makes, or gives another reference, and whether the tag of the
// reference floats. An image that is never pulled changes by an import alone.
func floatingImage(c *plan.Change) (plan.ImageKey, bool) {
	_, after := specs[*resource.Container](c)
	if after == nil || c.Action != plan.Create && c.Action != plan.Replace && !c.RenamesImage() || after.PullPolicy == resource.PullNever {
		return plan.ImageKey{}, false
	}
	return c.ImageKey(), resource.PinnedDigest(after.Image) == "" && strings.HasSuffix(after.Image, ":latest")
}

func (h *hazards) floatingTag(c *plan.Change) string {
	key, floats := floatingImage(c)
	if !floats || h.floating[key][0] != c.Path {
		return "" // one hazard for all containers of an image
	}
	others := ""
	if n := len(h.floating[key]) - 1; n > 0 {
		others = ", as that of " + plural(n, "other container") + ","
	}
	remedy := "Name a version, or the digest"
	if digest := c.After.Status.ImageDigest; digest != "" {
		remedy += fmt.Sprintf(": %s@%s", key.Reference, digest)
	}
	return fmt.Sprintf("Its image%s is %s: a later plan, or another host, can get another image of that name. %s.", others, key.Reference, remedy)
}

func (h *hazards) limitBelowUse(c *plan.Change) string {
	use, known := h.Facts.Use[c.Path]
	memory, pids := c.Lowers(h.actual)
	if !known || !memory && !pids {
		return ""
	}
	limits := resource.ResourcesOf(c.After.Spec)
	var all []string
	if memory && use.Memory > limits.Memory {
		all = append(all, fmt.Sprintf("The memory limit falls to %s, and %s are in use: the kernel kills processes, or refuses the limit.", binarySize(limits.Memory), binarySize(use.Memory)))
	}
	if pids && use.PIDs > limits.PIDs {
		all = append(all, fmt.Sprintf("The limit of processes and threads falls to %d, and there are %d: no other can start.", limits.PIDs, use.PIDs))
	}
	if len(all) == 0 {
		return ""
	}
	return strings.Join(all, " ") + " Set a limit above the use, or lower the use first."
}

// Limits of massDestruction.
const (
	fewContainers = 3 // to destroy fewer is no accident of a configuration
	half          = 2
)

func (h *hazards) massDestruction(c *plan.Change) string {
	n := len(h.deleted)
	if h.Plan.Destroy || h.Plan.Project == "" || n < fewContainers || n*half <= h.owned || h.deleted[0] != c.Path {
		return ""
	}
	return fmt.Sprintf("The plan destroys %d of the %d containers of project %s, this one first. Make sure that the configuration is complete: the files of --file, variables, for_each and count.", n, h.owned, h.Plan.Project)
}

func (h *hazards) portGap(c *plan.Change) string {
	if h.Plan.Destroy {
		return "" // which closes all ports, as everybody knows
	}
	var moment, good []string
	var seconds *float64
	for _, closed := range h.closed[c.Path] {
		if closed.Reopened {
			moment, seconds = append(moment, closed.Port), closed.seconds
		} else {
			good = append(good, closed.Port)
		}
	}
	text := ""
	if len(moment) > 0 {
		text = fmt.Sprintf("Published %s closed until the %s is %s%s: connections fail. Apply this when clients can wait.", ports(moment), c.Path.Kind().Lower(), doneOf(c.Action), about(seconds))
	}
	if len(good) > 0 {
		text += fmt.Sprintf(" Published %s closed, and stays so: connections fail. Make sure that no client needs it.", ports(good))
	}
	return strings.TrimSpace(text)
}

// doneOf is the participle of an action that closes ports for a moment.
func doneOf(a plan.Action) string {
	switch a {
	case plan.Update:
		return "updated"
	case plan.Restart:
		return "restarted"
	}
	return "replaced"
}

func (h *hazards) protectionRemoved(c *plan.Change) string {
	if c.Before == nil || c.After == nil || !c.Before.Status.PreventDestroy || c.After.Status.PreventDestroy || c.Action == plan.Record {
		return ""
	}
	return "prevent_destroy is removed: a later plan can destroy or replace it. Keep prevent_destroy, unless it is to go."
}

func (h *hazards) realmDestroyed(c *plan.Change) string {
	if c.Path.Kind() != resource.KindRealm || c.Action != plan.Delete && c.Action != plan.Replace {
		return ""
	}
	n := h.within[c.Path]
	if n == 0 && !c.RemoveImages || h.Plan.Destroy && !c.RemoveImages {
		return "" // nothing but names, or asked for
	}
	images := ""
	if c.RemoveImages {
		images = " and its images, of which imported ones can't be pulled again"
	}
	if c.Action == plan.Replace {
		return fmt.Sprintf("The realm is replaced: it is destroyed with %s%s before any is created again. Keep its containerd namespace, or create a second realm and destroy this one later.", plural(n, "container"), images)
	}
	return fmt.Sprintf("The realm is destroyed with %s%s. Make sure that nothing of it is needed.", plural(n, "container"), images)
}

func (h *hazards) rootReplaced(c *plan.Change) string {
	cell := c.Path.Parent()
	if h.Plan.Destroy || c.Path.Kind() != resource.KindContainer || h.roots[cell] != c.Path || !h.runs(c.Before) || !h.netnsGoes(c) {
		return ""
	}
	if i := h.interruption(cell); i == nil {
		return "" // the cell goes, or its network
	}
	var others []string
	for _, other := range h.containers[cell] {
		if other != c && h.fateOf(other) == restarts {
			others = append(others, other.Path.Name())
		}
	}
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf("It is the root container, which has the network of its cell: %s restarts with it. Apply this when the whole cell may restart, or make a container the root that seldom changes.", list(others))
}

// sourceOf returns the path of the host, or of the volume, that is mounted.
func sourceOf(m resource.VolumeMount) string { return cmp.Or(m.Volume, m.Source) }

func (h *hazards) volumeDetached(c *plan.Change) string {
	before, after, ok := made(c)
	if !ok || before == nil {
		return ""
	}
	mounted, sources := map[string]bool{}, map[string]string{}
	for _, v := range after.Volumes {
		mounted[sourceOf(v)], sources[v.Target] = true, sourceOf(v)
	}
	var all []string
	for _, v := range before.Volumes {
		if v.ReadOnly || mounted[sourceOf(v)] {
			continue // a source that is mounted elsewhere is at hand, and a read-only one holds nothing that the container wrote
		}
		text := fmt.Sprintf("%s (from %s) is not mounted any more", v.Target, sourceOf(v))
		if now, ok := sources[v.Target]; ok {
			text = fmt.Sprintf("%s is mounted from %s, no longer from %s", v.Target, now, sourceOf(v))
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("Volume %s: the container does not see the files there any more. Move them first if it needs them.", strings.Join(all, "; volume "))
}
