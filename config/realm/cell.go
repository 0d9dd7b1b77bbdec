package realm

// Cell is a set of containers in one network namespace, which belongs to its root container. It has a cgroup.
type Cell struct {
	Common
}

// Kind returns [KindCell].
func (*Cell) Kind() Kind { return KindCell }
