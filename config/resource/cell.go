package resource

// Cell is a set of containers in one network namespace, which belongs to its root container. It has a cgroup, and an
// address in its space.
type Cell struct {
	Address   string           `json:"address,omitempty" kuke:"live,check=ipv4" doc:"IPv4 address in the subnet of the space. Default: a free one, which the cell then keeps."`
	Address6  string           `json:"address6,omitempty" kuke:"live,check=ipv6" doc:"IPv6 address in the subnet6 of the space. Default: a free one, which the cell then keeps, where the space has IPv6."`
	DependsOn []CellDependency `json:"dependsOn,omitempty" kuke:"recorded,key=name,short" doc:"Cells that are started before this one."`
	Common
}

// Kind returns [KindCell].
func (*Cell) Kind() Kind { return KindCell }

// CellDependency names a cell that another waits for.
type CellDependency struct {
	// Name is the cell's whole path in normal form.
	Name      string    `json:"name" kuke:"recorded,required,check=cell" doc:"The cell: its name, stack/cell, space/stack/cell or its whole path."`
	Condition Condition `json:"condition,omitempty" kuke:"recorded,check=condition,default=started" doc:"The condition it must meet: started, healthy (each of its containers that has a healthcheck) or completed (its root container has exited with 0)."`
}

// MarshalJSON writes the name alone where the condition is the default.
func (d CellDependency) MarshalJSON() ([]byte, error) {
	type plain CellDependency
	return marshalShort(d.Name, d.Condition == "", plain(d))
}

// UnmarshalJSON reads a name or an object.
func (d *CellDependency) UnmarshalJSON(data []byte) error {
	type plain CellDependency
	return unmarshalShort(data, &d.Name, (*plain)(d))
}
