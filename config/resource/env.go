package resource

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// Env holds environment variables by name. It is written to JSON and YAML as a sorted list of NAME=value, and read from a
// list or an object.
type Env map[string]string

// Pairs returns the variables as NAME=value, sorted by name.
func (e Env) Pairs() []string {
	pairs := make([]string, 0, len(e))
	for name, value := range e {
		pairs = append(pairs, name+"="+value)
	}
	sort.Strings(pairs)
	return pairs
}

// ParsePair splits NAME=value; NAME alone is refused.
func ParsePair(s string) (name, value string, err error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return "", "", fmt.Errorf("%q is not of the form NAME=value", s)
	}
	return name, value, nil
}

// MarshalJSON writes the sorted list.
func (e Env) MarshalJSON() ([]byte, error) { return json.Marshal(e.Pairs()) }

// UnmarshalJSON reads a list of NAME=value or an object.
func (e *Env) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		return json.Unmarshal(data, (*map[string]string)(e))
	}
	var pairs []string
	if err := json.Unmarshal(data, &pairs); err != nil {
		return err
	}
	*e = make(Env, len(pairs))
	for _, pair := range pairs {
		name, value, err := ParsePair(pair)
		if err != nil {
			return err
		}
		(*e)[name] = value
	}
	return nil
}
