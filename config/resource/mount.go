package resource

// The kinds of mounts. A mount that chooses none is the first.
const (
	MountBind   = "bind"
	MountTmpfs  = "tmpfs"
	MountVolume = "volume"
)

// VolumeMount is a directory or file of the host, or a volume, mounted into the container. In normal form its source is an absolute
// path, its volume a whole path, and a tmpfs is in [Container.Tmpfs].
type VolumeMount struct {
	Source string `json:"source,omitempty" kuke:"either,replace,check=source" doc:"Path on the host: absolute; relative to the directory of the configuration file, as ./html or ../html; or ~/html in the home directory of the user, under sudo of the one who called it. It must exist, unless createHostPath is set. With kind = volume: the name of the volume."`
	Target string `json:"target" kuke:"replace,required,check=abspath" doc:"Absolute path in the container."`
	// Volume is the whole path of the volume in normal form; empty for a mount of Source.
	Volume         string     `json:"volume,omitempty" kuke:"either,replace,check=volume" doc:"Volume to mount in place of a path of the host: its name, which is looked for in the stack, then in the space, then in the realm; or its path, such as main/default/@data."`
	Ref            *VolumeRef `json:"volumeRef,omitempty" kuke:"either,replace" doc:"Volume to mount, by its name and the names of its parents."`
	Kind           string     `json:"kind,omitempty" kuke:"replace,alias,check=mountkind,default=bind" doc:"Kind of the mount: bind (a path on the host), tmpfs (memory, as a block tmpfs) or volume (the name of a volume)."`
	Ensure         bool       `json:"ensure,omitempty" kuke:"recorded" doc:"Whether the volume is declared implicitly, in the stack, where nothing else declares it."`
	NoCopy         bool       `json:"nocopy,omitempty" kuke:"recorded" doc:"Whether a new volume stays empty, and takes no content, owner and mode from the image."`
	Subpath        string     `json:"subpath,omitempty" kuke:"replace,check=subpath" doc:"Directory of the volume to mount in place of all of it. It is created if it is missing."`
	ReadOnly       bool       `json:"readOnly,omitempty" kuke:"replace" doc:"Whether the container may only read it."`
	CreateHostPath bool       `json:"createHostPath,omitempty" kuke:"recorded" doc:"Whether a missing source is created as a directory, with mode 0755 and owned by root, when the container is created or started."`
	Propagation    string     `json:"propagation,omitempty" kuke:"replace,check=propagation,default=rprivate" doc:"Whether mounts that are made below the source, or below the target, later show on the other side: rprivate, private (neither), rslave, slave (those of the host show in the container), rshared, shared (both). With the r, mounts below the source count too."`
	SELinux        string     `json:"selinux,omitempty" kuke:"replace,check=selinux" doc:"SELinux label that the source gets when the container is created, on hosts with SELinux: shared (Docker's z) for all containers, private (Docker's Z) for this one. Default: it keeps its label."`
	SizeBytes      int64      `json:"sizeBytes,omitempty" kuke:"replace,alias,type=bytes,min=4096" doc:"Maximum size of a tmpfs, in bytes or with a unit such as 16MiB."`
	Mode           string     `json:"mode,omitempty" kuke:"replace,alias,check=mode" doc:"Mode of the root directory of a tmpfs, in octal digits such as 0755."`
}

// DefaultTmpfsOptions are the mount options that a [Tmpfs] has unless its own contradict them, sorted.
var DefaultTmpfsOptions = []string{"nodev", "noexec", "nosuid"}

// Tmpfs is a memory-backed file system.
type Tmpfs struct {
	Path      string   `json:"path" kuke:"replace,required,check=abspath" doc:"Absolute path in the container."`
	SizeBytes int64    `json:"sizeBytes,omitempty" kuke:"replace,type=bytes,min=4096" doc:"Maximum size, in bytes or with a unit such as 16MiB. Default: half of the memory."`
	Options   []string `json:"options,omitempty" kuke:"replace,type=set,check=tmpfsoption" doc:"Mount options: flags such as noexec or ro, mode, uid, gid, nr_inodes, nr_blocks, huge, mpol, size. It has nosuid, nodev and noexec too, unless suid, dev or exec is among them."`
}

// The SELinux labels that a mount can ask for.
const (
	SELinuxShared  = "shared"
	SELinuxPrivate = "private"
)

// Propagations are the values of [VolumeMount.Propagation], the default first.
var Propagations = []string{"rprivate", "private", "rslave", "slave", "rshared", "shared"}

// NeedsShared reports whether the source of the mount must be on a shared mount of the host; NeedsSlave whether on a shared mount or
// a slave of one.
func (m VolumeMount) NeedsShared() bool {
	return m.Propagation == "shared" || m.Propagation == "rshared"
}

// NeedsSlave is explained with NeedsShared.
func (m VolumeMount) NeedsSlave() bool { return m.Propagation == "slave" || m.Propagation == "rslave" }
