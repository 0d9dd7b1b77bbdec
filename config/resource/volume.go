package resource

import (
	"fmt"
	"slices"
	"strings"
)

// Volume is a directory of the host, or a file system, whose content outlives the containers that mount it. It is in a realm, a
// space or a stack, and has no cgroup.
type Volume struct {
	ReclaimPolicy string            `json:"reclaimPolicy,omitempty" kuke:"recorded,check=reclaimpolicy,default=Retain" doc:"Fate of the data when the volume leaves the configuration or its parent is destroyed: Retain (the volume is kept) or Delete."`
	Path          string            `json:"path,omitempty" kuke:"live,check=abspath" doc:"Absolute path of an existing directory of the host that holds the data. kuke never deletes it. Default: a directory below the state of the parent."`
	DriverOpts    *DriverOpts       `json:"driverOpts,omitempty" kuke:"live" doc:"File system that each container mounts, as the options of Docker's driver local."`
	UID           *int64            `json:"uid,omitempty" kuke:"live,min=0,max=4294967294" doc:"Owner of the directory of the data. Default: that of the directory of the image at which the volume is mounted first, else 0."`
	GID           *int64            `json:"gid,omitempty" kuke:"live,min=0,max=4294967294" doc:"Group of the directory of the data. Default: as for uid."`
	Mode          string            `json:"mode,omitempty" kuke:"live,check=mode" doc:"Mode of the directory of the data, in octal digits such as 0750. Default: as for uid, else 0755."`
	Labels        map[string]string `json:"labels,omitempty" kuke:"live" doc:"Labels of your own, by key. Keys below kukeon.io/ are reserved."`
}

// Kind returns [KindVolume].
func (*Volume) Kind() Kind { return KindVolume }

func (v *Volume) common() *Common { return &Common{Labels: v.Labels} }

// DriverOpts are the file system of a volume, in the words of mount(8).
type DriverOpts struct {
	Type   string `json:"type" kuke:"live,required" doc:"Type of the file system: nfs, cifs, tmpfs or another one of the kernel."`
	Device string `json:"device,omitempty" kuke:"live" doc:"Device, or the path of a remote file system such as :/export. Default: the type."`
	O      string `json:"o,omitempty" kuke:"live" doc:"Mount options with commas in between, such as addr=192.0.2.1,rw. Names in addr are resolved when a container is created."`
}

// The reclaim policies. A volume that chooses none has the first.
const (
	ReclaimRetain = "Retain"
	ReclaimDelete = "Delete"
)

// volumePrefix begins the last name of the path of a volume.
const volumePrefix = "@"

// volumeParents are the kinds that volumes can be in.
var volumeParents = []Kind{KindRealm, KindSpace, KindStack}

// reservedVolumes are the names that no volume can have: the state of a cell called volumes has directories of these names.
var reservedVolumes = []string{"containers", "network"}

// CheckVolumeName returns nil when s, without the leading "@", may name a volume.
func CheckVolumeName(s string) error {
	if err := CheckName(s); err != nil {
		return err
	}
	if slices.Contains(reservedVolumes, s) {
		return fmt.Errorf("no volume can be called %q: the state keeps other files under that name", s)
	}
	return nil
}

// IsVolume reports whether p is the path of a volume.
func (p Path) IsVolume() bool {
	return strings.HasPrefix(string(p[strings.LastIndexByte(string(p), '/')+1:]), volumePrefix)
}

// Volume returns the path of the volume called name in p, a realm, a space or a stack.
func (p Path) Volume(name string) Path { return p.Join(volumePrefix + name) }

// VolumeRef names a volume and the resource that it is in.
type VolumeRef struct {
	Name  string `json:"name" kuke:"replace,required,check=name" doc:"Name of the volume."`
	Realm string `json:"realm,omitempty" kuke:"replace,check=name" doc:"Name of the realm. Default: that of the container."`
	Space string `json:"space,omitempty" kuke:"replace,check=name" doc:"Name of the space that the volume is in, or of the space of the stack."`
	Stack string `json:"stack,omitempty" kuke:"replace,check=name" doc:"Name of the stack that the volume is in."`
}

// Path returns the path of the volume that the container at p refers to, or an error with the remedy.
func (r *VolumeRef) Path(p Path) (Path, error) {
	in := Path(r.Realm)
	if in == "" {
		in = p.Realm()
	}
	if r.Stack != "" && r.Space == "" {
		return "", fmt.Errorf("it names the stack %q, but not the space of that. Set space", r.Stack)
	}
	for _, name := range []string{r.Space, r.Stack} {
		if name != "" {
			in = in.Join(name)
		}
	}
	return in.Volume(r.Name), nil
}

// VolumesOf returns the paths of the volumes that a container with spec s mounts, none for other kinds, each once.
func VolumesOf(s Spec) []Path {
	c, ok := s.(*Container)
	if !ok {
		return nil
	}
	var paths []Path
	for _, m := range c.Volumes {
		if p := Path(m.Volume); p.IsVolume() && !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	return paths
}
