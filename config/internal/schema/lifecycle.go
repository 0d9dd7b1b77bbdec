package schema

import (
	"reflect"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/source"
	"github.com/kukeon/kuke/config/resource"
)

// takeLifecycle reads the lifecycle of a manifest.
func (d *Declaration) takeLifecycle(diags *resource.Diagnostics) {
	v := d.Body.Take("lifecycle")
	if v == nil {
		return
	}
	dec := d.decoder(diags)
	at := place{"lifecycle", "lifecycle"}
	if v.Shape != source.Object {
		dec.errorf(v.Range, "Wrong type", "lifecycle must be an object, but this is %s.", v.Describe())
		return
	}
	l := &resource.Lifecycle{}
	dec.object(resource.LifecycleAttributes(), nil, reflect.ValueOf(l), v, at)
	for _, name := range l.IgnoreChanges {
		rng, ok := dec.ranges[place{key: "lifecycle.ignoreChanges"}.member(name).key]
		if top, _, _ := strings.Cut(strings.ReplaceAll(name, "[", "."), "."); name != "*" && d.Kind.Attribute(top) == nil {
			if !ok {
				rng = v.Range
			}
			var names []string
			for _, a := range d.Kind.Attributes() {
				names = append(names, a.Name)
			}
			dec.errorf(rng, "Invalid attribute", "A %s has no attribute %q to ignore changes of.%s", d.Kind.Lower(), message.Shorten(name), message.Suggest(top, names))
		}
	}
	if d.Kind != resource.KindContainer && len(l.ReplaceTriggeredBy) > 0 {
		dec.errorf(v.Range, "Unsupported field", "Only a container can be replaced because something else changes. Remove replaceTriggeredBy.")
	}
	for _, t := range l.ReplaceTriggeredBy {
		if _, err := resource.ParsePath(string(t.Path)); err != nil {
			dec.errorf(v.Range, "Invalid path", "lifecycle.replaceTriggeredBy: %v.", err)
		}
	}
	if !reflect.ValueOf(l).Elem().IsZero() {
		d.Lifecycle = l
	}
}
