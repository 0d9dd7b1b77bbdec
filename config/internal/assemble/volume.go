package assemble

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// mountVolumes completes the names of the volumes that containers mount, declares those that a mount ensures, and refuses others
// that nobody declares.
func mountVolumes(decls []*schema.Declaration, tree *resource.Tree, diags *resource.Diagnostics) {
	for r, c := range specs[*resource.Container](decls) {
		if r.External {
			continue
		}
		for i := range c.Volumes {
			if m := &c.Volumes[i]; m.Volume != "" {
				mountVolume(r, m, tree, diags)
			}
		}
	}
	checkSubpaths(decls, diags)
}

// checkSubpaths refuses to mount a part of a volume that a container can replace by a link, because it may write to a directory
// above the part: each later start of the other container would follow the link on the host.
func checkSubpaths(decls []*schema.Declaration, diags *resource.Diagnostics) {
	type directory struct{ volume, path string }
	writers := map[directory]*resource.Resource{} // by the directory that they mount, "." for a whole volume
	for r, c := range specs[*resource.Container](decls) {
		for _, m := range c.Volumes {
			if m.Volume != "" && !m.ReadOnly {
				writers[directory{m.Volume, path.Clean(m.Subpath)}] = r
			}
		}
	}
	for r, c := range specs[*resource.Container](decls) {
		for _, m := range c.Volumes {
			for above := m.Subpath; above != "" && above != "."; {
				above = path.Dir(above)
				writer := writers[directory{m.Volume, above}]
				if writer == nil {
					continue
				}
				at := r.RangeOf(fmt.Sprintf("volumes[%q].subpath", m.Target))
				diags.Errorf(at, r.Path, "Unsafe subpath", "Container %s may write to the directory above %q of volume %s, and could replace that by a link to any path of the host. Mount the volume read-only there, or give the part a volume of its own.",
					writer.Path, m.Subpath, m.Volume)
				break
			}
		}
	}
}

func mountVolume(r *resource.Resource, m *resource.VolumeMount, tree *resource.Tree, diags *resource.Diagnostics) {
	candidates := volumeCandidates(r.Path, m.Volume)
	i := slices.IndexFunc(candidates, func(p resource.Path) bool { return tree.Resource(p) != nil })
	at := r.RangeOf(fmt.Sprintf("volumes[%q].volume", m.Target))
	whole := candidates[len(candidates)-1]
	switch isPath := strings.Contains(m.Volume, "/"); {
	case i >= 0:
		m.Volume = string(candidates[i])
	case m.Ensure:
		p := candidates[0]
		if isPath {
			p = whole
		}
		m.Volume = string(p)
		tree.Add(&resource.Resource{Path: p, Spec: new(resource.Volume), Declared: at, HCL: r.HCL, Ranges: map[string]resource.Range{}})
	case isPath && !slices.ContainsFunc(candidates, func(p resource.Path) bool { return managed(tree, p.Parent()) }):
		m.Volume = string(whole) // it may be recorded, which planning knows
	default:
		undeclared(r, m, at, candidates[0], tree, diags)
	}
}

// managed reports whether the resource at p is declared, and not as one that is managed elsewhere: then its volumes are declared
// too.
func managed(tree *resource.Tree, p resource.Path) bool {
	r := tree.Resource(p)
	return r != nil && !r.External
}

// volumeCandidates returns the paths that a mount of the container at p may mean, the nearest first, the whole path last.
func volumeCandidates(p resource.Path, volume string) []resource.Path {
	stack := p.Parent().Parent()
	space, realm := stack.Parent(), p.Realm()
	if !strings.Contains(volume, "/") {
		return []resource.Path{stack.Volume(volume), space.Volume(volume), realm.Volume(volume)}
	}
	var all []resource.Path
	for _, in := range []resource.Path{space, realm} {
		if relative, err := resource.ParsePath(string(in) + "/" + volume); err == nil {
			all = append(all, relative)
		}
	}
	return append(all, resource.Path(volume))
}

func undeclared(r *resource.Resource, m *resource.VolumeMount, at resource.Range, p resource.Path, tree *resource.Tree, diags *resource.Diagnostics) {
	where := "There is no volume " + m.Volume + "."
	if !strings.Contains(m.Volume, "/") {
		where = fmt.Sprintf("There is no volume %q in the stack %s, in its space or in its realm.", m.Volume, p.Parent())
	}
	block := fmt.Sprintf("volume %q { parent = %q }", p.Name(), p.Parent())
	ensure := "ensure = true"
	if !r.HCL {
		var scope []string
		for i, name := range p.Parent().Names() {
			scope = append(scope, fmt.Sprintf("%s: %s", resource.Kinds[i].Lower(), name))
		}
		block = fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: %s, %s}}", resource.APIVersion, resource.KindVolume, p.Name(), strings.Join(scope, ", "))
		ensure = "ensure: true"
	}
	diags.Errorf(at, r.Path, "Undeclared volume", "%s%s Declare it, as in %s, or set %s in the mount.", where, message.Suggest(resource.Path(m.Volume).Name(), volumeNames(tree)), block, ensure)
}

// volumeNames returns the names of the declared volumes.
func volumeNames(tree *resource.Tree) []string {
	names := map[string]bool{}
	for _, r := range tree.Resources() {
		if r.Path.IsVolume() {
			names[r.Path.Name()] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
