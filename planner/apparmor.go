package planner

import (
	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// unconfined is the AppArmor label of a process without a profile.
const unconfined = "unconfined"

// checkProfile refuses to start a container under an AppArmor profile of the user's that the host doesn't have: the
// runtime would, after the old container is gone.
func (h *hostCheck) checkProfile(want *resource.Resource) {
	profile := want.Spec.(*resource.Container).AppArmorProfile()
	switch {
	case profile == "" || profile == resource.DefaultAppArmorProfile && h.in.actual.Profiles == nil:
	case h.in.actual.Profiles == nil:
		h.diags.Errorf(want.RangeOf("securityOpts"), want.Path, "AppArmor is not enforced",
			"container %s is to run under AppArmor profile %s, but this host does not enforce AppArmor (the kernel has it disabled, or apparmor_parser is not installed). "+
				"Enable it, or remove the security option.", want.Path, profile)
	case profile != resource.DefaultAppArmorProfile && !h.in.actual.Profiles[profile]:
		h.diags.Errorf(want.RangeOf("securityOpts"), want.Path, "AppArmor profile is not loaded",
			"container %s is to run under AppArmor profile %s, which the kernel has not loaded. Load it with apparmor_parser --replace FILE, and put FILE into /etc/apparmor.d to have it loaded at boot.",
			want.Path, profile)
	}
}

// checkDefaultProfile makes sure that the default AppArmor profile is as the plan takes it to be, which loads it only where it
// was not loaded then.
func (h *hostCheck) checkDefaultProfile(want *resource.Resource, loads bool) {
	if want.Spec.(*resource.Container).AppArmorProfile() != resource.DefaultAppArmorProfile {
		return
	}
	switch enforced := h.in.actual.Profiles != nil; {
	case enforced && !loads && !h.in.actual.Profiles[resource.DefaultAppArmorProfile]:
		h.diags.Errorf(want.Declared, want.Path, "AppArmor profile is not loaded", "container %s is to run under AppArmor profile %s, which the kernel has not loaded any more.", want.Path, resource.DefaultAppArmorProfile)
	case !enforced && loads:
		h.diags.Errorf(want.Declared, want.Path, "AppArmor is not enforced", "container %s is to run under AppArmor profile %s, but this host does not enforce AppArmor any more.", want.Path, resource.DefaultAppArmorProfile)
	}
}

// lostProfile reports whether a running container is unconfined although it has an AppArmor profile: the profile was
// removed under it, and loading it again confines only later processes.
func (in *input) lostProfile(p resource.Path, want *resource.Container, actual *plan.Container) bool {
	return actual.AppArmor == unconfined && want.AppArmorProfile() != "" && in.actual.Profiles != nil && !in.imported(p)
}

// profiles returns the AppArmor profiles to load before the first step: the default one where the kernel has forgotten it,
// as it does at a reboot, and a container that runs, or that containerd may restart, has it.
func (d *draft) profiles() []string {
	if d.in.actual.Profiles == nil || d.in.actual.Profiles[resource.DefaultAppArmorProfile] {
		return nil
	}
	for _, p := range d.order {
		after := d.after(p)
		if p.Kind() != resource.KindContainer || after == nil || d.in.imported(p) {
			continue
		}
		if before := d.in.prior.Records[p]; before != nil && d.in.staysDown(before, d.in.live(p)) {
			continue
		}
		spec := after.Spec.(*resource.Container)
		if spec.AppArmorProfile() == resource.DefaultAppArmorProfile && !d.in.hasEnded(p, spec, d.in.live(p)) {
			return []string{resource.DefaultAppArmorProfile}
		}
	}
	return nil
}
