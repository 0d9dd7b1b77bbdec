package resource

// Stack is a naming scope for cells that belong together. It has a cgroup.
type Stack struct {
	Common
}

// Kind returns [KindStack].
func (*Stack) Kind() Kind { return KindStack }
