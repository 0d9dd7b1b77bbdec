package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// mounts brings the mounts of a container to their normal form.
type mounts struct {
	r        *resource.Resource
	c        *resource.Container
	spelling *Spelling
	places   Places
	diags    *resource.Diagnostics
}

// finish gives every mount its normal form: a tmpfs is in the list of those, and every source is an absolute path.
func (m *mounts) finish() {
	var kept []resource.VolumeMount
	for _, v := range m.c.Volumes {
		if v.Kind == resource.MountTmpfs {
			m.moveTmpfs(v)
			continue
		}
		m.finishBind(&v)
		kept = append(kept, v)
	}
	m.c.Volumes = kept
	slices.SortFunc(m.c.Tmpfs, func(a, b resource.Tmpfs) int { return strings.Compare(a.Path, b.Path) })
}

func (m *mounts) at(v resource.VolumeMount, field string) resource.Range {
	element := fmt.Sprintf("volumes[%q]", v.Target)
	if at, ok := m.r.Ranges[element+"."+field]; ok {
		return at
	}
	return m.r.RangeOf(element)
}

// name returns the spelling of a field of a mount.
func (m *mounts) name(field string) string {
	return m.spelling.attribute(resource.FindAttribute(resource.KindContainer.Attribute("volumes").Fields, field))
}

// refuse reports a field that a mount of the kind does not have.
func (m *mounts) refuse(v resource.VolumeMount, field, kind, remedy string) {
	m.diags.Errorf(m.at(v, field), m.r.Path, "Invalid mount", "The mount at %s is %s, and has no %s. %s", v.Target, kind, m.name(field), remedy)
}

// wrong reports whether an error about the place is known.
func (m *mounts) wrong(at resource.Range) bool {
	return slices.ContainsFunc(*m.diags, func(d resource.Diagnostic) bool { return d.Severity == resource.Error && d.Subject == at })
}

func (m *mounts) finishBind(v *resource.VolumeMount) {
	for _, f := range []struct {
		name string
		set  bool
	}{{"sizeBytes", v.SizeBytes != 0}, {"mode", v.Mode != ""}} {
		if f.set {
			m.refuse(*v, f.name, "no tmpfs", "Remove it, or set kind to tmpfs.")
		}
	}
	v.SizeBytes, v.Mode = 0, ""
	m.source(v)
	switch {
	case v.Volume != "":
		m.finishVolume(*v)
		return
	case v.Source == "" && !m.wrong(m.at(*v, "source")) && !m.wrong(m.at(*v, "volume")) && !m.wrong(m.at(*v, "volumeRef")) && !m.wrong(m.at(*v, "target")):
		m.diags.Errorf(m.at(*v, "source"), m.r.Path, "Missing source", "The mount at %s has no source. Set %s to a path of the host, or set kind to tmpfs.", v.Target, m.name("source"))
	}
	if v.Source == "" {
		return
	}
	at := m.at(*v, "source")
	source, err := m.places.abs(v.Source, at.File)
	if err != nil {
		m.diags.Errorf(at, m.r.Path, "Invalid source", "%s: %v.", m.name("source"), err)
		return
	}
	v.Source = source
	if v.SELinux != "" && slices.Contains(neverRelabelled, source) {
		m.diags.Errorf(m.at(*v, "selinux"), m.r.Path, "Invalid mount", "%s of the host can't get another SELinux label: the programs of the host would lose access to their files. Mount a directory that is for containers alone, or remove %s.", source, m.name("selinux"))
	}
}

// finishVolume refuses fields that only paths of the host have.
func (m *mounts) finishVolume(v resource.VolumeMount) {
	for _, f := range []struct {
		name string
		set  bool
	}{{"createHostPath", v.CreateHostPath}, {"propagation", v.Propagation != ""}, {"selinux", v.SELinux != ""}} {
		if f.set {
			m.refuse(v, f.name, "a volume", "Remove it, or mount a path of the host.")
		}
	}
}

// neverRelabelled are the directories that Docker and Podman refuse to relabel, and their like.
var neverRelabelled = []string{
	"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/libx32", "/media", "/mnt", "/opt", "/proc", "/root", "/run", "/sbin",
	"/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/usr/local", "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/log", "/var/run", "/var/tmp",
}

// moveTmpfs makes v, a tmpfs, one of those of the container, with its places.
func (m *mounts) moveTmpfs(v resource.VolumeMount) {
	const kind = "a tmpfs"
	for _, f := range []struct {
		name string
		set  bool
	}{{"source", v.Source != ""}, {"volume", v.Volume != ""}, {"volumeRef", v.Ref != nil}, {"ensure", v.Ensure}, {"nocopy", v.NoCopy}, {"subpath", v.Subpath != ""}, {"createHostPath", v.CreateHostPath}, {"propagation", v.Propagation != ""}, {"selinux", v.SELinux != ""}} {
		if f.set {
			m.refuse(v, f.name, kind, "Remove it, or set kind to bind.")
		}
	}
	t := resource.Tmpfs{Path: v.Target, SizeBytes: v.SizeBytes}
	if v.Mode != "" {
		t.Options = append(t.Options, "mode="+v.Mode)
	}
	if v.ReadOnly {
		t.Options = append(t.Options, "ro")
	}
	if t.Options != nil {
		t.Options = append(t.Options, resource.DefaultTmpfsOptions...)
		slices.Sort(t.Options)
	}
	from, to := fmt.Sprintf("volumes[%q]", v.Target), fmt.Sprintf("tmpfs[%q]", v.Target)
	if first, ok := m.r.Ranges[to]; ok {
		m.diags.Errorf(m.at(v, "target"), m.r.Path, "Duplicate mount", "Something is already mounted at %s in this container: see %s. Give each its own path.", v.Target, first)
		return
	}
	places := map[string]resource.Range{to: m.r.RangeOf(from), to + ".path": m.at(v, "target")}
	if v.SizeBytes != 0 {
		places[to+".sizeBytes"] = m.at(v, "sizeBytes")
	}
	for _, option := range t.Options {
		field := "kind"
		switch {
		case strings.HasPrefix(option, "mode="):
			field = "mode"
		case option == "ro":
			field = "readOnly"
		}
		places[to+".options"] = m.at(v, "kind")
		places[fmt.Sprintf("%s.options[%q]", to, option)] = m.at(v, field)
	}
	maps.Copy(m.r.Ranges, places)
	for name := range m.r.Ranges {
		if name == from || strings.HasPrefix(name, from+".") {
			delete(m.r.Ranges, name)
		}
	}
	m.c.Tmpfs = append(m.c.Tmpfs, t)
}
