package plan

import "slices"

// The codes of hazards. The topic "hazards" of the manual says of each when it holds, and the remedy.
const (
	DataLoss          = "data-loss"
	EgressWidened     = "egress-widened"
	FloatingTag       = "floating-tag"
	HostMount         = "host-mount"
	LimitBelowUse     = "limit-below-use"
	MassDestruction   = "mass-destruction"
	PortExposed       = "port-exposed"
	PortGap           = "port-gap"
	PrivilegedAdded   = "privileged-added"
	ProtectionRemoved = "protection-removed"
	RealmDestroyed    = "realm-destroyed"
	RootReplaced      = "root-replaced"
	SecretInEnv       = "secret-in-env"
	VolumeDetached    = "volume-detached"
)

// HazardCodes returns the codes of all hazards, sorted.
func HazardCodes() []string {
	return []string{
		DataLoss, EgressWidened, FloatingTag, HostMount, LimitBelowUse, MassDestruction, PortExposed, PortGap, PrivilegedAdded,
		ProtectionRemoved, RealmDestroyed, RootReplaced, SecretInEnv, VolumeDetached,
	}
}

// isHazardCode reports whether a hazard can have the code.
func isHazardCode(code string) bool { return slices.Contains(HazardCodes(), code) }
