package plan

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// Diff is the change of one value of a resource.
type Diff struct {
	// Name is the address within the resource, as [resource.Leaf] has it.
	Name string `json:"name"`
	// Before and After are nil where the value isn't set; otherwise a string, bool, number or list of strings.
	Before any `json:"before"`
	After  any `json:"after"`
	// ForcesReplacement says that this value can't change while the resource lives.
	ForcesReplacement bool `json:"forces_replacement,omitempty"`
	// Computed says that kuke chose the value, such as an address: it is no written attribute.
	Computed bool `json:"computed,omitempty"`
	// Sensitive says that Before and After, where they are set, are withheld: they are [SensitiveValue].
	Sensitive bool `json:"sensitive,omitempty"`
}

// Within reports whether the value is the attribute of that name, or a part of it.
func (d Diff) Within(attribute string) bool {
	rest, ok := strings.CutPrefix(d.Name, attribute)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

func (d *Diff) withhold() {
	d.Sensitive = true
	if d.Before != nil {
		d.Before = SensitiveValue
	}
	if d.After != nil {
		d.After = SensitiveValue
	}
}

// MarshalJSON writes whole numbers of the type float64 with a decimal point, to tell them from an int64.
func (d Diff) MarshalJSON() ([]byte, error) {
	type plain Diff
	d.Before, d.After = markFloat(d.Before), markFloat(d.After)
	return json.Marshal(plain(d))
}

// UnmarshalJSON restores the types that were saved.
func (d *Diff) UnmarshalJSON(data []byte) error {
	type plain Diff
	raw := struct {
		*plain
		Before json.RawMessage `json:"before"`
		After  json.RawMessage `json:"after"`
	}{plain: (*plain)(d)}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	var err error
	if d.Before, err = decodeValue(raw.Before); err != nil {
		return err
	}
	d.After, err = decodeValue(raw.After)
	return err
}

// Compare compares two specs of one kind, either of which may be nil, in the order of the attributes.
func Compare(before, after resource.Spec) []Diff {
	var old, fresh []resource.Leaf
	if before != nil {
		old = resource.Leaves(before)
	}
	if after != nil {
		fresh = resource.Leaves(after)
	}
	oldByName, freshByName := byName(old), byName(fresh)
	order := map[*resource.Attribute]int{}
	for _, spec := range []resource.Spec{before, after} {
		if spec != nil {
			for i, a := range spec.Kind().Attributes() {
				order[a] = i
			}
		}
	}
	diffs := make([][]Diff, len(order))
	note := func(leaf resource.Leaf, before, after any) {
		d := Diff{Name: leaf.Name, Before: before, After: after, ForcesReplacement: leaf.Attribute.Effect == resource.Replace}
		// Where one of the two is sensitive the other may be the same text.
		if now := (resource.Leaf{Value: after}); leaf.Withheld() || now.Sealed() {
			d.withhold()
		}
		at := order[leaf.Top]
		diffs[at] = append(diffs[at], d)
	}
	for _, leaf := range old {
		if after, ok := freshByName[leaf.Name]; !ok {
			note(leaf, leaf.Value, nil)
		} else if !reflect.DeepEqual(leaf.Value, after) {
			note(leaf, leaf.Value, after)
		}
	}
	for _, leaf := range fresh {
		if _, ok := oldByName[leaf.Name]; !ok {
			note(leaf, nil, leaf.Value)
		}
	}
	var all []Diff
	for _, ds := range diffs {
		all = append(all, ds...)
	}
	return all
}

func byName(leaves []resource.Leaf) map[string]any {
	m := make(map[string]any, len(leaves))
	for _, leaf := range leaves {
		m[leaf.Name] = leaf.Value
	}
	return m
}

func markFloat(v any) any {
	if f, ok := v.(float64); ok && f == math.Trunc(f) {
		return json.RawMessage(strconv.FormatFloat(f, 'f', 1, 64))
	}
	return v
}

func decodeValue(data json.RawMessage) (any, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var number int64
	if json.Unmarshal(data, &number) == nil && string(data) != "null" {
		return number, nil
	}
	var list []string
	if data[0] == '[' {
		err := json.Unmarshal(data, &list)
		return list, err
	}
	var v any
	err := json.Unmarshal(data, &v)
	return v, err
}
