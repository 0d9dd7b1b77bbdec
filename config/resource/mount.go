package resource

// The kinds of mounts. A mount that chooses none is the first.
const (
	MountBind   = "bind"
	MountVolume = "volume"
)

// VolumeMount is a directory or file of the host, or a volume, mounted into the container.
type VolumeMount struct {
	Source string `json:"source,omitempty" kuke:"either,replace,check=source" doc:"Absolute path on the host; it must exist. With kind = volume: the name of the volume."`
	Target string `json:"target" kuke:"replace,required,check=abspath" doc:"Absolute path in the container."`
	// Volume is the whole path of the volume in normal form; empty for a mount of Source.
	Volume   string     `json:"volume,omitempty" kuke:"either,replace,check=volume" doc:"Volume to mount in place of a path of the host: its name, which is looked for in the stack, then in the space, then in the realm; or its path, such as main/default/@data."`
	Ref      *VolumeRef `json:"volumeRef,omitempty" kuke:"either,replace" doc:"Volume to mount, by its name and the names of its parents."`
	Kind     string     `json:"kind,omitempty" kuke:"replace,check=mountkind,default=bind" doc:"Kind of the source: bind (a path on the host) or volume (the name of a volume)."`
	Ensure   bool       `json:"ensure,omitempty" kuke:"recorded" doc:"Whether the volume is declared implicitly, in the stack, where nothing else declares it."`
	NoCopy   bool       `json:"nocopy,omitempty" kuke:"recorded" doc:"Whether a new volume stays empty, and takes no content, owner and mode from the image."`
	Subpath  string     `json:"subpath,omitempty" kuke:"replace,check=subpath" doc:"Directory of the volume to mount in place of all of it. It is created if it is missing."`
	ReadOnly bool       `json:"readOnly,omitempty" kuke:"replace" doc:"Whether the container may only read it."`
}

// Tmpfs is a memory-backed file system.
type Tmpfs struct {
	Path      string   `json:"path" kuke:"replace,required,check=abspath" doc:"Absolute path in the container."`
	SizeBytes int64    `json:"sizeBytes,omitempty" kuke:"replace,type=bytes,min=4096" doc:"Maximum size, in bytes or with a unit such as 16MiB. Default: half of the memory."`
	Options   []string `json:"options,omitempty" kuke:"replace,type=set,check=tmpfsoption" doc:"Mount options: flags such as noexec or ro, mode, uid, gid, nr_inodes, nr_blocks, huge, mpol, size. Default: nosuid, nodev, noexec."`
}
