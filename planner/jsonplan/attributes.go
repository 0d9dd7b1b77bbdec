package jsonplan

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

// attributeHealth is the attribute that is unknown until a container has been waited for.
const attributeHealth = "health"

// attributeSet holds the attributes of a record, and true for those that are withheld.
type attributeSet struct{ values, sensitive map[string]any }

// attributesOf returns the attributes of a record: those that configurations set and those that kuke computes, by their names in
// HCL. Times are not among them.
func attributesOf(r *state.Record) attributeSet {
	values, sensitive := resource.Values(r.Spec)
	s := &r.Status
	values["path"], values["name"] = string(r.Path), r.Path.Name()
	values["project"], values["namespace"], values["cgroup"] = text(s.Project), text(s.Namespace), text(s.Cgroup)
	values["prevent_destroy"] = s.PreventDestroy
	switch r.Path.Kind() {
	case resource.KindSpace:
		addSpace(values, s.Network)
	case resource.KindCell:
		addCell(values, s.Attachment)
	case resource.KindContainer:
		addContainer(values, s)
	}
	return attributeSet{values, sensitive}
}

// text returns nil for the empty text.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func addSpace(values map[string]any, n *state.Network) {
	if n == nil {
		n = &state.Network{}
	}
	values["subnet"], values["gateway"], values["bridge"] = text(n.Subnet), text(n.Gateway), text(n.Bridge)
	values["subnet6"], values["gateway6"] = text(n.Subnet6), text(n.Gateway6)
}

func addCell(values map[string]any, a *state.Attachment) {
	if a == nil {
		a = &state.Attachment{}
	}
	interfaces := make([]any, 0, len(a.Interfaces))
	for _, i := range a.Interfaces {
		interfaces = append(interfaces, map[string]any{
			"name": i.Name, "space": string(i.Space), "address": withoutLength(i.Address), "address6": text(withoutLength(i.Address6)),
		})
	}
	values["interfaces"] = interfaces
	if len(a.Interfaces) > 0 {
		values["address"], values["address6"] = withoutLength(a.Interfaces[0].Address), text(withoutLength(a.Interfaces[0].Address6))
	}
	values["published_ports"], values["host_names"] = filled(a.Published), filled(a.Names)
}

// withoutLength returns the address of an interface without the length of its subnet.
func withoutLength(address string) string {
	if prefix, err := netip.ParsePrefix(address); err == nil {
		return prefix.Addr().String()
	}
	return address
}

// stateRunning is the state of a container that no command has stopped.
const stateRunning = "running"

func addContainer(values map[string]any, s *state.Status) {
	values["id"], values["image_digest"], values["imported"] = text(s.ContainerID), text(s.ImageDigest), s.Imported
	values["run_state"], values["exit_code"], values[attributeHealth] = stateRunning, nil, nil
	if s.Run != "" {
		values["run_state"] = s.Run
	}
	if s.Exit != nil {
		values["exit_code"] = s.Exit.Code
	}
	if s.Health != nil {
		values[attributeHealth] = s.Health.State
	}
}

// leafPath returns the path to a leaf of a resource, see [resource.Leaf], in its attributes: ["env", "HOST"],
// ["volume", 0, "source"], ["devices"] for a member of a set. It ends where the values have no more.
func leafPath(kind resource.Kind, name string, values map[string]any) []any {
	var path []any
	for fields := kind.Attributes(); ; {
		word, rest := name, ""
		if end := strings.IndexAny(name, ".["); end >= 0 {
			word, rest = name[:end], name[end:]
		}
		a := resource.FindAttribute(fields, word)
		if a == nil {
			return path
		}
		path = append(path, a.HCLName)
		within := values[a.HCLName]
		if strings.HasPrefix(rest, "[") {
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err != nil {
				return path
			}
			rest = rest[len(quoted)+len("[]"):]
			var step any
			if step, within = member(a, quoted, within); step == nil {
				return path
			}
			path = append(path, step)
		}
		inner, ok := within.(map[string]any)
		if rest == "" || !ok {
			return path
		}
		name, fields, values = strings.TrimPrefix(rest, "."), a.Fields, inner
	}
}

// member returns the step to the member of an attribute with a key, as Go quotes it, and the member: nil for one of a set, and for
// one that there is not.
func member(a *resource.Attribute, quoted string, of any) (step, value any) {
	key, err := strconv.Unquote(quoted)
	if err != nil {
		return nil, nil
	}
	switch a.Type {
	case resource.TypeMap, resource.TypePairs:
		return key, nil
	case resource.TypeObjects:
		elements, _ := of.([]any)
		by := resource.FindAttribute(a.Fields, a.Key)
		i := slices.IndexFunc(elements, func(element any) bool {
			fields, ok := element.(map[string]any)
			return ok && by != nil && fields[by.HCLName] == key
		})
		if i >= 0 {
			return i, elements[i]
		}
	}
	return nil, nil
}

// valueCache holds the attributes of records: the same ones are in several parts of a document.
type valueCache struct {
	known map[*state.Record]attributeSet
}

func newValueCache() *valueCache { return &valueCache{known: map[*state.Record]attributeSet{}} }

func (v *valueCache) attributes(r *state.Record) attributeSet {
	set, ok := v.known[r]
	if !ok {
		set = attributesOf(r)
		v.known[r] = set
	}
	return set
}

// change returns the change from one record to another, either of which may be nil.
func (v *valueCache) change(actions []string, before, after *state.Record) Change {
	c := Change{Actions: actions, AfterUnknown: false, BeforeSensitive: false, AfterSensitive: false}
	if before != nil {
		set := v.attributes(before)
		c.Before, c.BeforeSensitive = set.values, set.sensitive
	}
	if after != nil {
		set := v.attributes(after)
		c.After, c.AfterSensitive, c.AfterUnknown = set.values, set.sensitive, map[string]any{}
	}
	return c
}
