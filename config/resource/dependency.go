package resource

import "encoding/json"

// Condition must be met by a dependency before its dependents are started. Empty is [Started].
type Condition string

// The conditions.
const (
	Started   Condition = "started"
	Healthy   Condition = "healthy"   // its healthcheck succeeds
	Completed Condition = "completed" // it has exited with 0
)

// Dependency names a container of the same cell that another container waits for.
type Dependency struct {
	Name      string    `json:"name" kuke:"recorded,required,check=name" doc:"The container, of the same cell."`
	Condition Condition `json:"condition,omitempty" kuke:"recorded,check=condition,default=started" doc:"The condition it must meet: started, healthy (its healthcheck succeeds) or completed (it has exited with 0)."`
}

// MarshalJSON writes the name alone where the condition is the default.
func (d Dependency) MarshalJSON() ([]byte, error) {
	type plain Dependency
	return marshalShort(d.Name, d.Condition == "", plain(d))
}

// UnmarshalJSON reads a name or an object.
func (d *Dependency) UnmarshalJSON(data []byte) error {
	type plain Dependency
	return unmarshalShort(data, &d.Name, (*plain)(d))
}

func marshalShort(name string, short bool, whole any) ([]byte, error) {
	if short {
		return json.Marshal(name)
	}
	return json.Marshal(whole)
}

func unmarshalShort(data []byte, name *string, whole any) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, name)
	}
	return json.Unmarshal(data, whole)
}
