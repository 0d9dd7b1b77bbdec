package resource

// Realm is a containerd namespace and the top cgroup of everything in it.
type Realm struct {
	Namespace string `json:"namespace,omitempty" kuke:"early,replace" doc:"The containerd namespace. Default: kukeon-<realm>."`
	Common
}

// Kind returns [KindRealm].
func (*Realm) Kind() Kind { return KindRealm }

// NamespaceOf returns the containerd namespace of the realm at p with spec r: its own choice, or the default.
func NamespaceOf(p Path, r *Realm) string {
	if r != nil && r.Namespace != "" {
		return r.Namespace
	}
	return "kukeon-" + p.Realm().Name()
}
