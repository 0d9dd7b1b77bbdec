package realm

// Space groups stacks that share a network. It has a cgroup.
type Space struct {
	Common
}

// Kind returns [KindSpace].
func (*Space) Kind() Kind { return KindSpace }
