package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// An image declares the paths at which its program keeps data. At each of these paths that no mount of the configuration covers, a
// container gets a volume of its own: when it is made, since a container that exists is not replaced for it. From then on the container
// keeps the volume, whatever its image says.

// keepingImageVolumes returns the tree with the volumes that recorded containers have because their images declared them.
func keepingImageVolumes(desired *resource.Tree, prior *state.State) *resource.Tree {
	added := &imageVolumes{desired: desired, prior: prior}
	for _, want := range desired.Resources() {
		have := prior.Records[want.Path]
		if want.External || have == nil || want.Path.Kind() != resource.KindContainer {
			continue
		}
		for _, m := range have.Spec.(*resource.Container).Volumes {
			if v := prior.Records[resource.Path(m.Volume)]; v != nil && v.Status.Volume.Image != nil {
				added.add(want, m, v.Spec.(*resource.Volume))
			}
		}
	}
	return added.tree()
}

// imageVolumes collects volumes, and mounts of them, that the configuration does not declare.
type imageVolumes struct {
	desired *resource.Tree
	prior   *state.State
	mounts  map[resource.Path][]resource.VolumeMount
	volumes map[resource.Path]*resource.Resource
	// recorded are the volumes of images in the state, by the container and the path; of several, the first by its own path.
	recorded map[state.ImageMount]resource.Path
}

func (in *input) newImageVolumes() *imageVolumes {
	v := &imageVolumes{desired: in.desired, prior: in.prior, recorded: map[state.ImageMount]resource.Path{}}
	for p, r := range in.prior.Records {
		if !p.IsVolume() || r.Status.Volume.Image == nil {
			continue
		}
		if first, ok := v.recorded[*r.Status.Volume.Image]; !ok || resource.ComparePaths(p, first) < 0 {
			v.recorded[*r.Status.Volume.Image] = p
		}
	}
	return v
}

// add adds the mount to the container, with its volume, unless a mount that the container has covers it. It reports whether it did.
func (v *imageVolumes) add(want *resource.Resource, m resource.VolumeMount, spec *resource.Volume) bool {
	if covered(want.Spec.(*resource.Container), m.Target) || slices.ContainsFunc(v.mounts[want.Path], func(other resource.VolumeMount) bool { return other.Target == m.Target }) {
		return false
	}
	if v.mounts == nil {
		v.mounts, v.volumes = map[resource.Path][]resource.VolumeMount{}, map[resource.Path]*resource.Resource{}
	}
	v.mounts[want.Path] = append(v.mounts[want.Path], m)
	if p := resource.Path(m.Volume); v.desired.Resource(p) == nil && v.volumes[p] == nil {
		v.volumes[p] = &resource.Resource{Path: p, Spec: spec, Declared: want.Declared, HCL: want.HCL}
	}
	return true
}

// tree returns the desired tree with everything that was added.
func (v *imageVolumes) tree() *resource.Tree {
	if len(v.mounts) == 0 {
		return v.desired
	}
	tree := resource.NewTree()
	for _, r := range slices.AppendSeq(v.desired.Resources(), maps.Values(v.volumes)) {
		if mounts := v.mounts[r.Path]; mounts != nil {
			with, spec := *r, *r.Spec.(*resource.Container)
			spec.Volumes = append(slices.Clone(spec.Volumes), mounts...)
			slices.SortFunc(spec.Volumes, func(a, b resource.VolumeMount) int { return strings.Compare(a.Target, b.Target) })
			with.Spec = &spec
			r = &with
		}
		tree.Add(r)
	}
	return tree
}

// covered reports whether something is mounted at the path in the container, or above it.
func covered(c *resource.Container, target string) bool {
	covers := func(at string) bool { return target == at || strings.HasPrefix(target, at+"/") }
	return slices.ContainsFunc(c.Volumes, func(m resource.VolumeMount) bool { return covers(m.Target) }) ||
		slices.ContainsFunc(c.Tmpfs, func(t resource.Tmpfs) bool { return covers(t.Path) }) ||
		slices.ContainsFunc(c.Secrets, func(s resource.Secret) bool { return covers(s.Target()) })
}

// unmountable are the paths in a container that have mounts of the runtime: an image may declare them, but has no data there.
var unmountable = []string{"/", "/dev", "/proc", "/sys"}

func mountable(target string) bool {
	// An image is foreign: a path that no terminal shows as it is, or that isn't UTF-8, is none that a program keeps data at.
	if !utf8.ValidString(target) || strings.ContainsFunc(target, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return false
	}
	return path.IsAbs(target) && !slices.ContainsFunc(unmountable, func(p string) bool { return target == p || p != "/" && strings.HasPrefix(target, p+"/") })
}

// declareImageVolumes adds the volumes that the images of the containers declare that d makes, and reports whether there were any, so
// that the decisions have to be made again.
func (in *input) declareImageVolumes(d *draft) bool {
	added := in.newImageVolumes()
	for _, p := range d.order {
		c := d.changes[p]
		if c == nil || p.IsVolume() || p.Kind() != resource.KindContainer || c.Action != plan.Create && c.Action != plan.Replace {
			continue
		}
		config, want := in.actual.Images[c.ImageKey()].Config, in.desired.Resource(p)
		if config == nil || want == nil {
			continue
		}
		targets := make([]string, len(config.Volumes))
		for i, target := range config.Volumes {
			targets[i] = path.Clean(target)
		}
		slices.Sort(targets)
		for _, target := range targets {
			if mountable(target) {
				in.declareImageVolume(d, added, c, want, target)
			}
		}
	}
	if len(added.mounts) == 0 {
		return false
	}
	in.desired = added.tree()
	in.findRoots()
	return true
}

func (in *input) declareImageVolume(d *draft, added *imageVolumes, c *plan.Change, want *resource.Resource, target string) {
	of := state.ImageMount{Container: want.Path, Target: target}
	volume := in.imageVolume(added, of)
	m := resource.VolumeMount{Target: target, Volume: string(volume)}
	spec := new(resource.Volume)
	have := in.prior.Records[volume]
	if have != nil {
		spec = have.Spec.(*resource.Volume)
	}
	// The files of a container that had no volume there come into it, in place of those of the image.
	// The volume must be there before the container is removed, which is too late in a realm that is replaced.
	above := d.changes[volume.Parent()]
	carried := c.Action == plan.Replace && (above == nil || above.Action != plan.Create && above.Action != plan.Replace) && !d.realmReplaced(c.Path) && c.Before != nil && !c.Unrecorded && (have == nil || !have.Status.Volume.Filled || have.Status.Volume.CopiedFrom(c.Before)) &&
		in.actual.Container(c.Before.Status.Namespace, c.Before.Status.ContainerID) != nil && !covered(c.Before.Spec.(*resource.Container), target)
	m.NoCopy = carried
	if !added.add(want, m, spec) {
		return
	}
	if in.imageMounts == nil {
		in.imageMounts, in.carried = map[resource.Path]state.ImageMount{}, map[resource.Path][]plan.Carried{}
	}
	in.imageMounts[volume] = of
	if carried {
		in.carried[want.Path] = append(in.carried[want.Path], plan.Carried{From: target, To: volume})
	}
}

// imageVolume returns the path of the volume for a path that an image declares: the recorded one, else one with a name that nobody uses.
func (in *input) imageVolume(added *imageVolumes, of state.ImageMount) resource.Path {
	if p, ok := added.recorded[of]; ok {
		return p
	}
	stack := of.Container.Parent().Parent()
	for n := 1; ; n++ {
		p := stack.Volume(imageVolumeName(of, n))
		if in.prior.Records[p] == nil && in.desired.Resource(p) == nil && added.volumes[p] == nil {
			return p
		}
	}
}

// imageVolumeName returns the n-th name for the volume of a path that an image declares: the name of the cell, that of the
// container where it is another one, and the path. The second one, and one that is too long, ends with a hash of them.
func imageVolumeName(of state.ImageMount, n int) string {
	plain := of.Container.Parent().Name()
	if of.Container.Name() != plain {
		plain += "-" + of.Container.Name()
	}
	plain += "-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(of.Target))
	plain = strings.Join(strings.FieldsFunc(plain, func(r rune) bool { return r == '-' }), "-")
	if n == 1 && len(plain) <= resource.MaxNameLength {
		return plain
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d", of.Container, of.Target, n))
	const digits = 8
	cut := plain[:min(len(plain), resource.MaxNameLength-digits-1)]
	return strings.TrimRight(cut, "-") + "-" + hex.EncodeToString(sum[:])[:digits]
}
