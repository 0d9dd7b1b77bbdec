package resource

// VolumeMount is a directory or file of the host, mounted into the container.
type VolumeMount struct {
	Source   string `json:"source" kuke:"replace,required,check=abspath" doc:"Absolute path on the host; it must exist."`
	Target   string `json:"target" kuke:"replace,required,check=abspath" doc:"Absolute path in the container."`
	ReadOnly bool   `json:"readOnly,omitempty" kuke:"replace" doc:"Whether the container may only read it."`
}

// Tmpfs is a memory-backed file system.
type Tmpfs struct {
	Path      string   `json:"path" kuke:"replace,required,check=abspath" doc:"Absolute path in the container."`
	SizeBytes int64    `json:"sizeBytes,omitempty" kuke:"replace,type=bytes,min=4096" doc:"Maximum size, in bytes or with a unit such as 16MiB. Default: half of the memory."`
	Options   []string `json:"options,omitempty" kuke:"replace,type=set,check=tmpfsoption" doc:"Mount options: flags such as noexec or ro, mode, uid, gid, nr_inodes, nr_blocks, huge, mpol, size. Default: nosuid, nodev, noexec."`
}
