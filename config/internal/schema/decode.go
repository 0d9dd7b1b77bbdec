package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// decoder fills the spec of one resource from the values that were written, by the schema of package resource.
type decoder struct {
	spelling *Spelling
	diags    *resource.Diagnostics
	path     resource.Path
	owner    string // the thing that has the attributes, for messages: "container"
	ranges   map[string]resource.Range
	// sensitive holds the names of the leaves that come from sensitive values.
	sensitive map[string]bool
	// incomplete says that something unknown was left out.
	incomplete bool
	// unassigned and unclear are those of the [Declaration].
	unassigned, unclear bool
}

// place is the address of a value within its resource: shown as the user spells it, key as [resource.Leaf] does.
type place struct{ shown, key string }

func (d *decoder) field(at place, a *resource.Attribute) place {
	shown, key := d.spelling.attribute(a), a.Name
	if at.key != "" || at.shown != "" {
		shown, key = at.shown+"."+shown, at.key+"."+key
	}
	return place{shown, key}
}

func (at place) member(name string) place {
	suffix := fmt.Sprintf("[%q]", name)
	return place{at.shown + suffix, at.key + suffix}
}

func (d *decoder) errorf(at resource.Range, summary, format string, args ...any) {
	d.diags.Errorf(at, d.path, summary, format, args...)
}

// decodeSpec fills the spec of r, and the places of its values, from the body of the declaration.
func (d *Declaration) decodeSpec(r *resource.Resource, diags *resource.Diagnostics) {
	dec := d.decoder(diags)
	if d.Spelling == YAML && d.Kind == resource.KindContainer {
		dec.hostNetwork(d.Body)
	}
	dec.object(d.Kind.Attributes(), d.Spelling.reserved(d.Kind), reflect.ValueOf(r.Spec), d.Body, place{})
	r.Ranges, r.Sensitive, d.Incomplete = dec.ranges, dec.sensitive, dec.incomplete
	d.Unclear = d.Unclear || dec.unclear
}

// HostNetwork is a field of kukeon's manifests of containers: true is another spelling of the network host.
const HostNetwork = "hostNetwork"

func (d *decoder) hostNetwork(body *source.Value) {
	v := body.Take(HostNetwork)
	switch {
	case v == nil:
	case v.Shape != source.Bool:
		d.errorf(v.Range, "Wrong type", "%s is true or false. Write network: host, or remove it.", HostNetwork)
	case v.Text == "true":
		host := &source.Value{Shape: source.String, Text: resource.NetworkHost, Range: v.Range}
		body.Fields = append(body.Fields, source.Field{Name: "network", At: v.Range, Value: host})
	}
}

// object fills the struct into from the fields of body. reserved are names that are right in their own place.
func (d *decoder) object(attrs []*resource.Attribute, reserved []string, into reflect.Value, body *source.Value, at place) {
	seen := map[string]resource.Range{}
	for _, f := range body.Fields {
		a := d.find(attrs, f.Name)
		if a == nil {
			d.unknown(attrs, reserved, f, at)
			continue
		}
		p := d.field(at, a)
		if first, ok := seen[a.Name]; ok {
			d.errorf(f.At, "Duplicate "+d.spelling.field, "%s is already set at %s. Keep one of them.", p.shown, first)
			continue
		}
		seen[a.Name] = f.At
		if f.Value.Shape == source.Null {
			if a.Required {
				delete(seen, a.Name)
			}
			continue
		}
		d.ranges[p.key] = f.Value.Range
		v := d.stopgap(a, f.Value)
		if d.decodable(a, v, p) {
			d.attribute(a, a.Field(into), v, p)
		}
	}
	for _, a := range attrs {
		if _, ok := seen[a.Name]; a.Required && !ok {
			p := d.field(at, a)
			d.errorf(body.Range, "Missing "+d.spelling.field, "%s is required: %s", p.shown, a.Doc)
		}
	}
}

// secretAttributes may hold sensitive values: these reach the container, and are neither names on the host nor labels.
var secretAttributes = []string{"env", "command", "args", "exec"}

// stopgaps replace unknown values whose presence matters: others wait for a container that has a healthcheck. No container
// is made of them, since a configuration with unknown values is read again.
var stopgaps = map[string]*source.Value{
	"http": {Shape: source.String, Text: "http://localhost/"},
	"tcp":  {Shape: source.String, Text: "localhost:1"},
	"exec": {Shape: source.List, Items: []*source.Value{{Shape: source.String, Text: "true"}}},
}

// stopgap returns v, or a stopgap as long as it is unknown.
func (d *decoder) stopgap(a *resource.Attribute, v *source.Value) *source.Value {
	instead := stopgaps[a.Name]
	if instead == nil || !v.HoldsUnknown() {
		return v
	}
	d.incomplete = true
	known := *instead
	known.Range = v.Range
	return &known
}

// decodable reports whether v, the value of an attribute, can be decoded now. An unknown value is left out; one that must be
// known, or must not be sensitive, is reported.
func (d *decoder) decodable(a *resource.Attribute, v *source.Value, at place) bool {
	if v.HoldsSensitive() && a.Type != resource.TypeObject && !namesPasswords(a) && !slices.Contains(secretAttributes, a.Name) {
		d.errorf(v.Range, "Sensitive value", "%s would show a sensitive value: it is stored in the state, and in containerd. Sensitive values can be used in %s, and in blocks secret; or write nonsensitive(…) around a value that is no secret.", at.shown, "env, command, args and healthcheck.exec")
		return false
	}
	if a.Type == resource.TypeObject || !v.HoldsUnknown() {
		return true
	}
	switch {
	case a.Early && d.unassigned:
		d.unclear = true
	case a.Early:
		d.errorf(v.Range, "Unknown value", "%s decides the values that planning computes, so that it can't depend on them itself. Use a value that is known before.", at.shown)
	}
	d.incomplete = true
	return false
}

// namesPasswords reports whether the objects of the attribute name the places of passwords: they refuse a password one by one.
func namesPasswords(a *resource.Attribute) bool {
	return resource.FindAttribute(a.Fields, "passwordFromEnv") != nil
}

func (d *decoder) find(attrs []*resource.Attribute, name string) *resource.Attribute {
	i := slices.IndexFunc(attrs, func(a *resource.Attribute) bool { return d.spelling.attribute(a) == name })
	if i < 0 {
		return nil
	}
	return attrs[i]
}

func (d *decoder) unknown(attrs []*resource.Attribute, reserved []string, f source.Field, at place) {
	names := slices.Clone(reserved)
	for _, a := range attrs {
		names = append(names, d.spelling.attribute(a))
	}
	owner := "A " + d.owner
	if at.shown != "" {
		owner = at.shown
	}
	const password = "password"
	if fromEnv, fromFile := resource.FindAttribute(attrs, "passwordFromEnv"), resource.FindAttribute(attrs, "passwordFromFile"); f.Name == password && fromEnv != nil {
		d.ranges[at.key+"."+password] = f.At // no second diagnostic says that there is none
		d.errorf(f.At, "Password in the configuration", "%s has no %s password: it would be in the state and in plans. Remove it, and name the place of the password with %s or %s.",
			owner, d.spelling.field, d.spelling.attribute(fromEnv), d.spelling.attribute(fromFile))
		return
	}
	hint := message.Suggest(f.Name, slices.DeleteFunc(names, func(name string) bool { return name == f.Name }))
	if docker := d.dockerHint(f, at); docker != "" {
		hint = docker
	} else if at.shown == "" {
		var owners []string
		for _, k := range resource.AllKinds {
			if d.find(k.Attributes(), f.Name) != nil {
				owners = append(owners, "a "+k.Lower())
			}
		}
		if len(owners) > 0 {
			hint = fmt.Sprintf(" It belongs to %s.", strings.Join(owners, " or "))
		}
	}
	d.errorf(f.At, "Unsupported "+d.spelling.field, "%s has no %s %q.%s", owner, d.spelling.field, message.Shorten(f.Name), hint)
}

// attribute sets the field into to v, which is not null.
func (d *decoder) attribute(a *resource.Attribute, into reflect.Value, v *source.Value, at place) {
	switch a.Type {
	case resource.TypeString:
		d.stringAttribute(a, into, v, at)
	case resource.TypeBool:
		if b, ok := d.boolean(v, at.shown); ok {
			into.SetBool(b)
		}
	case resource.TypeInt, resource.TypeBytes, resource.TypeFloat:
		d.numberAttribute(a, into, v, at)
	case resource.TypeList, resource.TypeSet:
		d.listAttribute(a, into, v, at)
	case resource.TypeMap, resource.TypePairs:
		d.mapAttribute(a, into, v, at)
	case resource.TypeObject:
		d.objectAttribute(a, into, v, at)
	case resource.TypeObjects:
		d.objectsAttribute(a, into, v, at)
	default:
		panic("config: no decoder for type " + string(a.Type))
	}
}

func (d *decoder) stringAttribute(a *resource.Attribute, into reflect.Value, v *source.Value, at place) {
	if hint := d.wordsHint(a, v); v.Shape == source.List && hint != "" {
		d.errorf(v.Range, "Wrong type", "%s must be a string, but this is %s.%s", at.shown, v.Describe(), hint)
		return
	}
	s, ok := d.text(v, at.shown, validate.RuleOf(a).Number)
	switch {
	case !ok:
	case s == "" && a.Default != "":
		d.errorf(v.Range, "No "+a.Name, "%s is empty. Remove it to use the default %s, or name one.", at.shown, a.Default)
	case s == "" && a.Required:
		d.errorf(v.Range, "Missing "+d.spelling.field, "%s is empty, but required: %s", at.shown, a.Doc)
	case s == "":
		// As good as left out.
	default:
		if s, ok = d.normal(a, s, v.Range, at.shown); ok {
			into.SetString(s)
			if v.Sensitive {
				d.sensitive[at.key] = true
			}
		}
	}
}

// normal applies the rule of a, if it has one, to s.
func (d *decoder) normal(a *resource.Attribute, s string, rng resource.Range, shown string) (string, bool) {
	if a.Check == "" {
		return s, true
	}
	rule := validate.RuleOf(a)
	normal, err := rule.Normal(d.path, s)
	if err != nil {
		hint := ""
		if mode, _, other := strings.Cut(s, ":"); a.Name == "network" && (other || mode == "bridge") {
			hint = " " + networkMode(s, d.assignment) + "."
		}
		d.errorf(rng, rule.Summary, "%s: %s%s", shown, message.Stop(err), hint)
		return "", false
	}
	return normal, true
}

// listAttribute sets a list of strings, in order, or a set of them, sorted and without doubles.
func (d *decoder) listAttribute(a *resource.Attribute, into reflect.Value, v *source.Value, at place) {
	if v.Shape != source.List || v.Blocks {
		d.errorf(v.Range, "Wrong type", "%s must be a list, but this is %s.%s", at.shown, v.Describe(), message.Or(itemHint(a, v), d.wordsHint(a, v)))
		return
	}
	var list []string
	for i, item := range v.Items {
		if hint := itemHint(a, item); hint != "" {
			d.errorf(item.Range, "Wrong type", "%s[%d] must be a string, but this is %s.%s", at.shown, i, item.Describe(), hint)
			continue
		}
		s, ok := d.text(item, fmt.Sprintf("%s[%d]", at.shown, i), false)
		if !ok {
			continue
		}
		if s, ok = d.normal(a, s, item.Range, at.shown); ok {
			list = append(list, s)
			if key := at.member(s).key; a.Type == resource.TypeSet {
				d.ranges[key] = item.Range
			}
			if item.Sensitive || v.Sensitive {
				d.sensitive[at.key] = true
			}
		}
	}
	if a.Type == resource.TypeSet {
		slices.Sort(list)
		list = slices.Compact(list)
	}
	if len(list) > 0 {
		into.Set(reflect.ValueOf(list))
	}
}

// inBrackets says, with a space before it, how a scalar becomes a list; of anything else it says nothing.
func inBrackets(v *source.Value) string {
	if !v.Scalar() || v.Sensitive {
		return ""
	}
	return fmt.Sprintf(" Write it in brackets: [%q].", message.Shorten(v.Text))
}

// mapAttribute sets a map of strings, from an object or, for pairs, also from a list of NAME=value.
func (d *decoder) mapAttribute(a *resource.Attribute, into reflect.Value, v *source.Value, at place) {
	m := members{decoder: d, attribute: a, rule: validate.MemberRuleOf(a), at: at, all: map[string]string{}}
	switch {
	case v.Shape == source.Object:
		m.object(v)
	case v.Shape == source.List && !v.Blocks && a.Type == resource.TypePairs:
		m.list(v)
	default:
		wants := "an object of names and values"
		if a.Type == resource.TypePairs {
			wants += " or a list of NAME=value"
		}
		d.errorf(v.Range, "Wrong type", "%s must be %s, but this is %s.%s", at.shown, wants, v.Describe(), d.pairsHint(at.shown, v))
		return
	}
	if len(m.all) > 0 {
		into.Set(reflect.ValueOf(m.all).Convert(into.Type()))
	}
}

func (d *decoder) objectAttribute(a *resource.Attribute, into reflect.Value, v *source.Value, at place) {
	if v.Blocks {
		if len(v.Items) > 1 {
			d.errorf(v.Items[1].Range, "Duplicate block", "There is already a block %s at %s. Put everything in one of them.", at.shown, v.Items[0].Range)
		}
		v = v.Items[0]
	}
	if v.Shape != source.Object {
		d.errorf(v.Range, "Wrong type", "%s must be an object with the fields %s, but this is %s.", at.shown, d.fieldNames(a), v.Describe())
		return
	}
	target := reflect.New(into.Type().Elem())
	d.object(a.Fields, nil, target, v, at)
	if !target.Elem().IsZero() {
		into.Set(target)
	}
}

// objectsAttribute sets the elements of a keyed collection, sorted by key.
func (d *decoder) objectsAttribute(a *resource.Attribute, into reflect.Value, v *source.Value, at place) {
	if v.Shape == source.Object && d.spelling.lax {
		v = &source.Value{Shape: source.List, Items: []*source.Value{v}, Range: v.Range}
	}
	if v.Shape != source.List {
		items, hint := "objects", ""
		if a.Short {
			items, hint = "names or of objects", inBrackets(v)
		}
		if short := d.shortForm(a.Name, plainText(v)); short != "" && at.key == a.Name {
			d.errorf(v.Range, "Wrong type", "%s must be a list of %s, but this is %s.%s", at.shown, items, v.Describe(), short)
			return
		}
		d.errorf(v.Range, "Wrong type", "%s must be a list of %s with the fields %s, but this is %s.%s", at.shown, items, d.fieldNames(a), v.Describe(), hint)
		return
	}
	key := resource.FindAttribute(a.Fields, a.Key)
	elements := reflect.MakeSlice(into.Type(), 0, len(v.Items))
	seen := map[string]int{}
	for i, item := range v.Items {
		shown := at.shown
		if !v.Blocks {
			shown = fmt.Sprintf("%s[%d]", at.shown, i)
		}
		element, ranges := d.element(a, key, into.Type().Elem(), item, shown)
		name := key.Field(element).String()
		if name == "" {
			continue
		}
		p := at.member(name)
		if first, ok := seen[name]; ok {
			// Where names do, one that stands twice counts once, as in a set.
			if !a.Short || !reflect.DeepEqual(elements.Index(first).Interface(), element.Interface()) {
				d.errorf(item.Range, "Duplicate entry", "%s: there is already one with the %s %q at %s. Keep one of them.", shown, d.spelling.attribute(key), message.Shorten(name), d.ranges[p.key])
			}
			continue
		}
		seen[name] = elements.Len()
		d.ranges[p.key] = item.Range
		for k, rng := range ranges {
			d.ranges[p.key+k] = rng
		}
		elements = reflect.Append(elements, element)
	}
	if elements.Len() > 0 {
		into.Set(sortedBy(key, elements))
	}
}

// element returns an element of a keyed collection, with an empty key where something is wrong with it, and the places
// of its fields.
func (d *decoder) element(a, key *resource.Attribute, of reflect.Type, v *source.Value, shown string) (reflect.Value, map[string]resource.Range) {
	element := reflect.New(of)
	inner := *d
	inner.ranges = map[string]resource.Range{}
	switch {
	case v.Shape == source.Object:
		inner.object(a.Fields, nil, element, v, place{shown: shown})
	case a.Short && v.Scalar():
		inner.ranges["."+key.Name] = v.Range
		inner.stringAttribute(key, key.Field(element), v, place{shown: shown})
	default:
		if short := d.shortForm(a.Name, plainText(v)); short != "" {
			d.errorf(v.Range, "Wrong type", "%s must be an object, but this is %s.%s", shown, v.Describe(), short)
			break
		}
		name := ""
		if a.Short {
			name = "a name or "
		}
		d.errorf(v.Range, "Wrong type", "%s must be %san object with the fields %s, but this is %s.", shown, name, d.fieldNames(a), v.Describe())
	}
	return element.Elem(), inner.ranges
}

func (d *decoder) fieldNames(a *resource.Attribute) string {
	names := make([]string, 0, len(a.Fields))
	for _, f := range a.Fields {
		names = append(names, d.spelling.attribute(f))
	}
	return strings.Join(names, ", ")
}

// sortedBy returns the elements ordered by the string in their field key.
func sortedBy(key *resource.Attribute, elements reflect.Value) reflect.Value {
	order := make([]int, elements.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return strings.Compare(key.Field(elements.Index(i)).String(), key.Field(elements.Index(j)).String())
	})
	sorted := reflect.MakeSlice(elements.Type(), 0, len(order))
	for _, i := range order {
		sorted = reflect.Append(sorted, elements.Index(i))
	}
	return sorted
}
