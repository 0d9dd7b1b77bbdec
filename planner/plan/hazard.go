package plan

import "slices"

// The codes of hazards. The topic "hazards" of the manual says of each when it holds, and the remedy.
const (
	DataLoss          = "data-loss"
	MassDestruction   = "mass-destruction"
	RealmDestroyed    = "realm-destroyed"
	PrivilegedAdded   = "privileged-added"
	HostNetwork       = "host-network"
	HostMount         = "host-mount"
	PortExposed       = "port-exposed"
	EgressWidened     = "egress-widened"
	LimitBelowUse     = "limit-below-use"
	VolumeDetached    = "volume-detached"
	ProtectionRemoved = "protection-removed"
	SecretInEnv       = "secret-in-env"
	RootReplaced      = "root-replaced"
	PortGap           = "port-gap"
	FloatingTag       = "floating-tag"
)

// HazardCodes returns the codes of all hazards, those of the gravest first.
func HazardCodes() []string {
	return []string{
		DataLoss, MassDestruction, RealmDestroyed, PrivilegedAdded, HostNetwork, HostMount, PortExposed, EgressWidened, LimitBelowUse, VolumeDetached,
		ProtectionRemoved, SecretInEnv, RootReplaced, PortGap, FloatingTag,
	}
}

// isHazardCode reports whether a hazard can have the code.
func isHazardCode(code string) bool { return slices.Contains(HazardCodes(), code) }
