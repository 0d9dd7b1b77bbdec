package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// swapController is the name in [plan.Actual.Controllers] of the files that bound swap, a part of the memory controller that a
// kernel may lack.
const swapController = "swap"

// controllerOf names the controller of the cgroup file system that each limit needs.
var controllerOf = map[string]string{
	"resources.memory": "memory", "resources.memorySwap": swapController, "resources.cpus": "cpu", "resources.cpuWeight": "cpu",
	"resources.memoryReservation": "memory", "resources.cpuset": "cpuset", "resources.cpusetMems": "cpuset",
	"resources.pids": "pids", "resources.ioWeight": "io",
}

func (h *hostCheck) checkControllers(want *resource.Resource) {
	for _, leaf := range resource.Leaves(want.Spec) {
		controller := controllerOf[leaf.Name]
		if controller == "" || h.in.actual.Controllers[controller] || leaf.Value == int64(resource.Unlimited) {
			continue
		}
		if controller == swapController && h.in.actual.Controllers["memory"] {
			h.diags.Errorf(want.RangeOf(leaf.Name), want.Path, "Limit can't be enforced",
				"%s %s sets %s, but the kernel of this host does not account for swap in cgroups (%s). "+
					"Enable it at boot: swapaccount=1; or take the limit out.",
				want.Path.Kind().Lower(), want.Path, leaf.Name, h.in.actual.CgroupMode)
			continue
		}
		h.diags.Errorf(want.RangeOf(leaf.Name), want.Path, "Limit can't be enforced",
			"%s %s sets %s, but the cgroups of this host (%s) have no %s controller to enforce it. "+
				"Enable the controller at boot (for memory: cgroup_enable=memory); where kuke runs in a container, move the "+
				"processes in the root of its cgroups into one below; or take the limit out.",
			want.Path.Kind().Lower(), want.Path, leaf.Name, h.in.actual.CgroupMode, controller)
	}
}

// checkSwap refuses a bound of memory and swap together that does not go with the limit of memory, which a configuration can
// still come to where it ignores changes of one of the two.
func (h *hostCheck) checkSwap(want *resource.Resource) {
	if err := resource.ResourcesOf(want.Spec).CheckSwap(); err != nil {
		h.diags.Errorf(want.RangeOf("resources.memorySwap"), want.Path, "Invalid limit",
			"%s %s: %v. Change the two together, or take them both into ignore_changes.", want.Path.Kind().Lower(), want.Path, err)
	}
}

// checkSets refuses processors and memory nodes that the host does not have, and those of cgroups of v1 that hold others: there
// no set can shrink below that of a cgroup in it.
func (h *hostCheck) checkSets(want *resource.Resource) {
	limits := resource.ResourcesOf(want.Spec)
	for _, set := range []struct{ name, noun, asked, have string }{
		{"cpuset", "processors", limits.CPUSet, h.in.actual.CPUSet}, {"cpusetMems", "memory nodes", limits.CPUSetMems, h.in.actual.CPUSetMems},
	} {
		if set.asked == "" {
			continue
		}
		at, kind := want.RangeOf("resources."+set.name), want.Path.Kind().Lower()
		if h.in.actual.CgroupMode == plan.CgroupV1 && want.Path.Kind() != resource.KindContainer {
			h.diags.Errorf(at, want.Path, "Limit can't be enforced", "%s %s sets resources.%s, but with cgroup v1 only containers can have it. Set it in the containers, or boot the host with cgroup v2.", kind, want.Path, set.name)
			continue
		}
		asked, err := resource.ParseCPUSet(set.asked)
		have, unknown := resource.ParseCPUSet(set.have)
		if err != nil || unknown != nil {
			continue
		}
		missing := slices.DeleteFunc(asked, func(n int) bool { return slices.Contains(have, n) })
		if len(missing) > 0 {
			h.diags.Errorf(at, want.Path, "Limit can't be enforced", "%s %s sets resources.%s to %s, but of the %s of this host, which are %s, there is no %s. Name others.",
				kind, want.Path, set.name, set.asked, set.noun, set.have, resource.FormatCPUSet(missing))
		}
	}
}

// checkReservation refuses a reservation above the limit of memory, which a configuration can still come to where it ignores
// changes of one of the two.
func (h *hostCheck) checkReservation(want *resource.Resource) {
	if err := resource.ResourcesOf(want.Spec).CheckReservation(); err != nil {
		h.diags.Errorf(want.RangeOf("resources.memoryReservation"), want.Path, "Invalid limit",
			"%s %s: %v. Change the two together, or take them both into ignore_changes.", want.Path.Kind().Lower(), want.Path, err)
	}
}

// checkCPUs refuses more processors than those of a cgroup above, as cgroup v1 does.
func (h *hostCheck) checkCPUs(want *resource.Resource) {
	cpus := resource.ResourcesOf(want.Spec).CPUs
	if cpus == 0 || h.in.actual.CgroupMode != plan.CgroupV1 {
		return
	}
	for p := want.Path.Parent(); p != ""; p = p.Parent() {
		spec := h.in.specOf(p)
		if spec == nil {
			continue
		}
		if most := resource.ResourcesOf(spec).CPUs; most != 0 && cpus > most {
			h.diags.Errorf(want.RangeOf("resources.cpus"), want.Path, "More processors than above",
				"%s %s sets cpus to %v, but %s %s, in which it is, to %v, and cgroup v1 takes no more than that: lower the one or raise the other.",
				want.Path.Kind().Lower(), want.Path, cpus, p.Kind().Lower(), p, most)
			return
		}
	}
}

// limitDrift says how the limits in force differ from those that were recorded, or returns "". Where none were asked for
// there are to be none.
func limitDrift(r *state.Record, actual *plan.Actual) string {
	limits, ok := actual.Cgroups[r.Status.Cgroup]
	recorded := r.Status.Limits
	if recorded == nil {
		// Of a container that didn't run when it was recorded, those that its cgroup has now were never seen.
		ok = ok && *resource.ResourcesOf(r.Spec) == (resource.Resources{})
		recorded = &resource.Resources{}
	}
	if !ok {
		return ""
	}
	expected := *recorded
	if swapUnbounded(r, &limits) {
		expected.MemorySwap = limits.MemorySwap
	}
	if limits == expected {
		return ""
	}
	return "limits changed outside of kuke: " + strings.Join(limitChanges(&expected, &limits), ", ")
}

// swapUnbounded reports whether the default bound of swap was never in force on a host that can have it: limits of memory
// were once set alone, and some kernels account for swap only when they are booted for that.
func swapUnbounded(r *state.Record, inForce *resource.Resources) bool {
	const most = 1 << 60 // twice as much and more is no limit to the kernel
	asked := resource.ResourcesOf(r.Spec)
	bounded := r.Status.Limits != nil && r.Status.Limits.MemorySwap > 0
	return asked.Memory != 0 && asked.Memory < most && asked.MemorySwap == 0 && inForce.MemorySwap == resource.Unlimited && !bounded
}

func limitChanges(recorded, actual *resource.Resources) []string {
	var changes []string
	for _, df := range plan.Compare(&resource.Cell{Common: resource.Common{Resources: recorded}}, &resource.Cell{Common: resource.Common{Resources: actual}}) {
		a, _ := resource.KindCell.LeafAttribute(df.Name)
		changes = append(changes, fmt.Sprintf("%s %v → %v", strings.TrimPrefix(df.Name, "resources."), limitText(a, df.Before), limitText(a, df.After)))
	}
	return changes
}

// limitText spells the value of a limit, a size as people write it.
func limitText(a *resource.Attribute, v any) any {
	if v == nil {
		return "unset"
	}
	if size := resource.SizeOf(a, v); size != "" {
		return size
	}
	return v
}
