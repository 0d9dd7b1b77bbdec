package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// members collects the members of a map.
type members struct {
	*decoder
	attribute *resource.Attribute
	rule      validate.MemberRule
	at        place
	all       map[string]string
}

func (m *members) object(v *source.Value) {
	for _, f := range v.Fields {
		if f.Value.Shape == source.Null && m.spelling.lax {
			continue
		}
		shown := m.at.member(message.Shorten(f.Name)).shown
		if !m.key(f.Name, f.At, v.Sensitive) {
			continue
		}
		value := f.Value
		if value.Shape == source.Object && m.rule.Fields != nil {
			if value = m.joined(value, shown); value == nil {
				continue
			}
		}
		if text, ok := m.text(value, shown, true); ok {
			m.set(f.Name, text, f.Value.Range, f.Value.Sensitive || v.Sensitive)
		}
	}
}

// joined returns the value of a member that is written as an object, as one text; nil where something is wrong with it.
func (m *members) joined(v *source.Value, shown string) *source.Value {
	parts := make([]string, len(m.rule.Fields))
	for _, f := range v.Fields {
		i := slices.Index(m.rule.Fields, f.Name)
		if i < 0 {
			m.errorf(f.At, "Unsupported "+m.spelling.field, "%s has no %s %q. It has %s.", shown, m.spelling.field, message.Shorten(f.Name), strings.Join(m.rule.Fields, " and "))
			return nil
		}
		text, ok := m.text(f.Value, shown+"."+f.Name, true)
		if !ok {
			return nil
		}
		parts[i] = text
	}
	if i := slices.Index(parts, ""); i >= 0 {
		m.errorf(v.Range, "Missing "+m.spelling.field, "%s has no %s. Set %s.", shown, m.rule.Fields[i], strings.Join(m.rule.Fields, " and "))
		return nil
	}
	return &source.Value{Shape: source.String, Text: strings.Join(parts, ":"), Range: v.Range, Sensitive: v.Sensitive}
}

// list takes a list of NAME=value.
func (m *members) list(v *source.Value) {
	for i, item := range v.Items {
		shown := fmt.Sprintf("%s[%d]", m.at.shown, i)
		pair, ok := m.text(item, shown, false)
		if !ok {
			continue
		}
		sensitive := item.Sensitive || v.Sensitive
		name, text, ok := strings.Cut(pair, "=")
		if !ok {
			if sensitive {
				pair = "(sensitive value)"
			}
			m.errorf(item.Range, "Invalid variable", "%s is %q, which is not of the form NAME=value. For an empty value write %q.", shown, message.Shorten(pair), message.Shorten(pair)+"=")
		} else if m.key(name, item.Range, sensitive) {
			m.set(name, text, item.Range, sensitive)
		}
	}
}

func (m *members) key(name string, rng resource.Range, sensitive bool) bool {
	err := m.rule.Key(name)
	if err != nil && sensitive {
		err = errors.New("the name comes from a sensitive value and is invalid: a name is not empty and has neither \"=\" nor white space")
	}
	if err != nil {
		m.errorf(rng, m.rule.Summary, "%s: %s", m.at.shown, message.Stop(err))
	}
	return err == nil
}

// maxLabel is the bound of containerd for the key and the value of a label together, in bytes.
const maxLabel = 4096

func (m *members) set(name, text string, rng resource.Range, sensitive bool) {
	key := m.at.member(name)
	if first, ok := m.ranges[key.key]; ok {
		m.errorf(rng, "Duplicate "+m.spelling.field, "%s is already set at %s. Keep one of them.", key.shown, first)
		return
	}
	var err error
	switch {
	case m.attribute.Type == resource.TypePairs:
		_, err = validate.Argument(name + "=" + text)
	case m.attribute.Check == "" && len(name)+len(text) > maxLabel:
		m.errorf(rng, m.rule.Summary, "%s is too long: containerd takes at most %d bytes for a key and its value together.", key.shown, maxLabel)
		return
	default:
		text, err = m.rule.Normal(name, text)
	}
	if err != nil {
		m.errorf(rng, m.rule.Summary, "%s: %s", key.shown, message.Stop(err))
		return
	}
	m.ranges[key.key] = rng
	m.all[name] = text
	if sensitive {
		m.sensitive[key.key] = true
	}
}
