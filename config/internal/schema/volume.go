package schema

import (
	"fmt"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// MountedVolume is the argument by which a mount names a volume.
const MountedVolume = "volume"

// finishVolume validates attributes of a volume that depend on each other.
func finishVolume(r *resource.Resource, v *resource.Volume, f *Spelling, diags *resource.Diagnostics) {
	const summary = "Contradictory volume"
	name := func(attribute string) string { return f.attribute(resource.KindVolume.Attribute(attribute)) }
	if v.Path == "/" {
		diags.Errorf(r.RangeOf("path"), r.Path, "Invalid path", "%s: a volume can't be all of the host. Name a directory below /.", name("path"))
	}
	if v.DriverOpts == nil {
		return
	}
	if v.Path != "" {
		diags.Errorf(r.RangeOf("path"), r.Path, summary, "The data is in a directory of the host (%s) or in the file system of %s. Keep one of them.", name("path"), name("driverOpts"))
	}
	for _, attribute := range []string{"uid", "gid", "mode"} {
		if _, ok := r.Ranges[attribute]; ok {
			diags.Errorf(r.RangeOf(attribute), r.Path, summary, "%s is set for a directory of the host, but the data is in the file system of %s. Remove it, or set it with a mount option where the file system has one.", name(attribute), name("driverOpts"))
		}
	}
	if v.DriverOpts.Device == "" && strings.HasPrefix(v.DriverOpts.Type, "nfs") {
		diags.Errorf(r.RangeOf("driverOpts"), r.Path, "Missing "+f.field, "A file system of the type %s has a device, such as \":/export\". Set device.", v.DriverOpts.Type)
	}
}

// source brings the one source of a mount to its normal form, in which a volume is named in one way only. The names of volumes are
// completed when all of the configuration is known.
func (m *mounts) source(mount *resource.VolumeMount) {
	var either []string
	for _, a := range resource.KindContainer.Attribute("volumes").Fields {
		if a.Either {
			either = append(either, a.Name)
		}
	}
	(&mountFinisher{r: m.r, either: either, mount: mount, prefix: fmt.Sprintf("volumes[%q].", mount.Target), diags: m.diags, name: m.name}).finish()
}

// mountFinisher brings one mount of r to its normal form.
type mountFinisher struct {
	r     *resource.Resource
	mount *resource.VolumeMount
	// prefix begins the names of the leaves of the mount. either are its attributes of which exactly one is set.
	prefix string
	either []string
	name   func(attribute string) string
	diags  *resource.Diagnostics
}

func (f *mountFinisher) errorf(attribute, summary, format string, args ...any) {
	at, ok := f.r.Ranges[f.prefix+attribute]
	if !ok {
		at = f.r.RangeOf(strings.TrimSuffix(f.prefix, "."))
	}
	f.diags.Errorf(at, f.r.Path, summary, format, args...)
}

func (f *mountFinisher) finish() {
	const summary = "Invalid mount"
	m := f.mount
	var given []string
	for _, attribute := range f.either {
		if _, ok := f.r.Ranges[f.prefix+attribute]; ok {
			given = append(given, f.name(attribute))
		}
	}
	switch {
	case len(given) == 0:
		f.errorf("target", summary, "The mount at %s has no source. Set exactly one of %s (a path of the host), %s and %s.", m.Target, f.name("source"), f.name("volume"), f.name("volumeRef"))
		return
	case len(given) > 1:
		f.errorf("source", summary, "The mount at %s sets %s. Keep exactly one of them.", m.Target, strings.Join(given, " and "))
		return
	}
	isPath := m.Source != "" && resource.CheckName(m.Source) != nil
	switch {
	case m.Kind == resource.MountVolume && isPath:
		f.errorf("source", summary, "%s: with %s = %q the source is the name of a volume, and %q is a path. Remove %[2]s.", f.name("source"), f.name("kind"), resource.MountVolume, message.Shorten(m.Source))
		return
	case m.Kind == resource.MountVolume && m.Source != "":
		m.Volume, m.Source = m.Source, ""
		f.r.Ranges[f.prefix+"volume"] = f.r.Ranges[f.prefix+"source"]
	case m.Source != "" && !isPath:
		f.errorf("source", "Invalid source", "%s: %q is no path of the host; write %q for the one beside the configuration file, or an absolute path. For the volume of that name, set %s instead.", f.name("source"), message.Shorten(m.Source), message.Shorten("./"+m.Source), f.name("volume"))
		return
	case m.Ref != nil:
		p, err := m.Ref.Path(f.r.Path)
		if err == nil {
			_, err = resource.ParsePath(string(p))
		}
		if err != nil && f.r.Path != "" {
			f.errorf("volumeRef", summary, "%s: %s.", f.name("volumeRef"), message.Sentence(err.Error()))
			return
		}
		m.Volume, m.Ref = string(p), nil
		f.r.Ranges[f.prefix+"volume"] = f.r.Ranges[f.prefix+"volumeRef"]
	}
	m.Kind = ""
	if m.Source == "" {
		return
	}
	for _, attribute := range []string{"ensure", "nocopy", "subpath"} {
		if _, ok := f.r.Ranges[f.prefix+attribute]; ok {
			f.errorf(attribute, summary, "%s has no effect on the path %s of the host: it is for volumes. Remove it.", f.name(attribute), message.Shorten(m.Source))
		}
	}
}
