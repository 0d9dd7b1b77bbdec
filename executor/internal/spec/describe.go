package spec

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/pkg/cap"
	"github.com/docker/go-units"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/apparmor"
	"github.com/kukeon/kuke/executor/internal/reaper"
)

// Description is the configuration that a container could have been made from.
type Description struct {
	Spec *resource.Container
	// Lost names the settings of the container that no configuration can express.
	Lost []string
}

// describer reads an OCI spec back. Where several configurations would give the spec, it returns the likeliest.
type describer struct {
	*Inspection
	// own reports whether the source of a mount belongs to kuke, not to the user.
	own  func(source string) bool
	lost []string
}

// Describe returns the configuration that the container could have been made from, as far as a configuration can express
// it. It leaves out the mounts for whose sources own is true.
func Describe(i *Inspection, own func(source string) bool) Description {
	d := &describer{Inspection: i, own: own}
	c := d.certain()
	d.commands(c)
	c.User = d.user()
	c.WorkingDir = d.workingDir()
	c.Capabilities = d.capabilities()
	d.other()
	return Description{c, d.lost}
}

// certain returns the attributes that follow from the OCI spec without doubt.
func (d *describer) certain() *resource.Container {
	c := &resource.Container{Image: d.Image, Streams: resource.Streams{TTY: d.process().Terminal}}
	d.namespaces(c)
	c.Env = d.env(c.UTS)
	d.mounts(c)
	if root := d.Spec.Root; root != nil {
		c.ReadOnlyRootFilesystem = root.Readonly
	}
	if l := d.Spec.Linux; l != nil {
		c.Sysctls = maps.Clone(l.Sysctl)
		for _, device := range l.Devices {
			c.Devices = append(c.Devices, device.Path)
		}
		slices.Sort(c.Devices)
	}
	c.Ulimits, c.Annotations = d.ulimits(), d.annotations()
	if score := d.process().OOMScoreAdj; score != nil {
		c.OOMScoreAdj = int64(*score)
	}
	if d.privileged() {
		c.Privileged, c.Devices = true, nil
		return c
	}
	c.SecurityOpts = d.securityOpts()
	return c
}

func (d *describer) process() *specs.Process {
	if d.Spec.Process == nil {
		return &specs.Process{}
	}
	return d.Spec.Process
}

func (d *describer) env(uts string) resource.Env {
	env, hostname := resource.Env{}, d.Spec.Hostname
	if name, err := os.Hostname(); uts == resource.NamespaceHost && err == nil {
		hostname = name
	}
	for _, pair := range d.process().Env {
		name, value, err := resource.ParsePair(pair)
		given := slices.Contains(d.Config.Env, pair)
		byKuke := name == "HOSTNAME" && value == hostname
		byDefault := pair == defaultPath && !slices.ContainsFunc(d.Config.Env, func(s string) bool { return strings.HasPrefix(s, "PATH=") })
		if err == nil && !given && !byKuke && !byDefault {
			env[name] = value
		}
	}
	if len(env) == 0 {
		return nil
	}
	return env
}

// annotations returns those that are not of a program which makes containers.
func (d *describer) annotations() map[string]string {
	all := maps.Clone(d.Spec.Annotations)
	maps.DeleteFunc(all, func(key, value string) bool {
		// ctr repeats labels as annotations.
		if label, ok := d.Labels[key]; ok && label == value {
			return true
		}
		return slices.ContainsFunc(programAnnotations, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	})
	if len(all) == 0 {
		return nil
	}
	return all
}

var programAnnotations = []string{"kukeon.io/", "nerdctl/", "io.kubernetes.cri."}

// defaultPath is the variable that containerd sets for a container whose image sets none.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// DefaultMounts are the targets of the mounts that every container has.
var DefaultMounts = []string{"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"}

func (d *describer) mounts(c *resource.Container) {
	for _, m := range d.Spec.Mounts {
		bind := m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
		switch {
		case bind && d.own(m.Source):
		case bind && m.Destination == reaper.Path:
			c.Init = true
		case bind && m.Destination == sharedMemory && m.Source == sharedMemory && c.IPC == resource.NamespaceHost:
		case bind:
			readOnly := slices.Contains(m.Options, "ro") || slices.Contains(m.Options, "rro")
			c.Volumes = append(c.Volumes, resource.VolumeMount{Source: path.Clean(m.Source), Target: path.Clean(m.Destination), ReadOnly: readOnly, Propagation: propagationOf(m)})
		case m.Destination == sharedMemory && m.Type == "tmpfs" && m.Source == "shm":
			c.ShmSize = d.sharedMemory(m)
		case slices.Contains(DefaultMounts, m.Destination) && (m.Type != "tmpfs" || m.Source != "tmpfs" || m.Destination == "/dev"):
		case m.Type == "tmpfs":
			c.Tmpfs = append(c.Tmpfs, tmpfsOf(m))
		default:
			d.lost = append(d.lost, fmt.Sprintf("the mount of type %s at %s", m.Type, m.Destination))
		}
	}
	slices.SortFunc(c.Volumes, func(a, b resource.VolumeMount) int { return strings.Compare(a.Target, b.Target) })
	slices.SortFunc(c.Tmpfs, func(a, b resource.Tmpfs) int { return strings.Compare(a.Path, b.Path) })
}

// propagationOf returns the last propagation among the options of a mount, "" for the default.
func propagationOf(m specs.Mount) string {
	for _, option := range slices.Backward(m.Options) {
		if option == resource.Propagations[0] {
			return ""
		}
		if slices.Contains(resource.Propagations, option) {
			return option
		}
	}
	return ""
}

func tmpfsOf(m specs.Mount) resource.Tmpfs {
	t := resource.Tmpfs{Path: path.Clean(m.Destination)}
	for _, option := range m.Options {
		if size, ok := strings.CutPrefix(option, "size="); ok {
			if n, err := units.RAMInBytes(size); err == nil {
				t.SizeBytes = n
				continue
			}
		}
		t.Options = append(t.Options, option)
	}
	for _, d := range tmpfsDefaults {
		without := slices.DeleteFunc(slices.Clone(t.Options), func(o string) bool { return o == d.option })
		if len(without) == len(t.Options) && !slices.Contains(without, d.opposite) {
			without = append(without, d.opposite)
		}
		t.Options = without
	}
	slices.Sort(t.Options)
	if len(t.Options) == 0 {
		t.Options = nil
	}
	return t
}

// privileged reports whether the container has the rights of a privileged one.
func (d *describer) privileged() bool {
	all, err := cap.Current()
	l := d.Spec.Linux
	if err != nil || l == nil || l.Seccomp != nil || len(l.MaskedPaths) > 0 || d.process().NoNewPrivileges {
		return false
	}
	have := d.bounding()
	return !slices.ContainsFunc(all, func(name string) bool { return !slices.Contains(have, name) })
}

func (d *describer) bounding() []string {
	if c := d.process().Capabilities; c != nil {
		return c.Bounding
	}
	return nil
}

func (d *describer) securityOpts() []string {
	var opts []string
	if !d.process().NoNewPrivileges {
		opts = append(opts, "no-new-privileges=false")
	}
	if l := d.Spec.Linux; l != nil && l.Seccomp == nil {
		opts = append(opts, "seccomp=unconfined")
	}
	if l := d.Spec.Linux; l != nil && len(l.MaskedPaths) == 0 && len(l.ReadonlyPaths) == 0 {
		opts = append(opts, "systempaths=unconfined")
	}
	switch profile := d.process().ApparmorProfile; {
	case profile == resource.DefaultAppArmorProfile:
	case profile != "":
		opts = append(opts, "apparmor="+profile)
	case apparmor.Enforced():
		opts = append(opts, "apparmor=unconfined")
	}
	slices.Sort(opts)
	return opts
}

func (d *describer) commands(c *resource.Container) {
	args, _ := reaper.Program(d.process().Args)
	entrypoint := d.Config.Entrypoint
	switch n := len(entrypoint); {
	case len(args) == 0 || slices.Equal(args, slices.Concat(entrypoint, d.Config.Cmd)):
	case n > 0 && len(args) > n && slices.Equal(args[:n], entrypoint):
		c.Args = slices.Clone(args[n:])
	default:
		c.Command = args[0]
		if len(args) > 1 {
			c.Args = slices.Clone(args[1:])
		}
	}
}

func (d *describer) user() string {
	u := d.process().User
	uid, gid := fmt.Sprint(u.UID), fmt.Sprint(u.GID)
	name, group, hasGroup := strings.Cut(d.Config.User, ":")
	_, err := strconv.ParseUint(name, 10, 32)
	named := name != "" && err != nil && name != "root"
	if named {
		d.lost = append(d.lost, fmt.Sprintf("whether it runs as the image's user %s or as another (it is %s:%s)", d.Config.User, uid, gid))
	}
	byImage := named ||
		(name == "" || name == "root" || name == uid) && (hasGroup && group == gid || !hasGroup && (u.UID != 0 || u.GID == 0)) && (name == uid || u.UID == 0)
	if byImage {
		return ""
	}
	return uid + ":" + gid
}

func (d *describer) workingDir() string {
	cwd := d.process().Cwd
	byImage := d.Config.WorkingDir
	if byImage == "" {
		byImage = "/"
	}
	if cwd == byImage {
		return ""
	}
	return cwd
}

func (d *describer) capabilities() *resource.Capabilities {
	if d.privileged() {
		return nil
	}
	have := d.bounding()
	missing := func(from, of []string) []string {
		var names []string
		for _, name := range of {
			if !slices.Contains(from, name) {
				names = append(names, strings.TrimPrefix(name, "CAP_"))
			}
		}
		slices.Sort(names)
		return names
	}
	added, dropped := missing(defaultCapabilities, have), missing(have, defaultCapabilities)
	if len(added)+len(dropped) == 0 {
		return nil
	}
	return &resource.Capabilities{Add: added, Drop: dropped}
}

// other adds the settings that no configuration can express.
func (d *describer) other() {
	if d.Spec.Hooks != nil {
		d.lost = append(d.lost, "its OCI hooks, such as those by which nerdctl makes a network")
	}
	l := d.Spec.Linux
	if l == nil {
		return
	}
	own := map[specs.LinuxNamespaceType]bool{}
	for _, ns := range l.Namespaces {
		own[ns.Type] = true
	}
	if !own[specs.NetworkNamespace] {
		d.lost = append(d.lost, "that it is in the host's network namespace")
	}
}

// Limits returns the limits of the OCI spec that are the same for all versions of cgroups.
func (i *Inspection) Limits() *resource.Resources {
	var r resource.Resources
	if i.Spec.Linux == nil || i.Spec.Linux.Resources == nil {
		return nil
	}
	set := i.Spec.Linux.Resources
	if m := set.Memory; m != nil && m.Limit != nil && *m.Limit > 0 {
		r.Memory = *m.Limit
		// A default is written only where it is not in force.
		if r.MemorySwap = resource.Unlimited; m.Swap != nil && *m.Swap > 0 {
			r.MemorySwap = *m.Swap
		}
		if m.Swap != nil && *m.Swap == 2*r.Memory {
			r.MemorySwap = 0
		}
	}
	if m := set.Memory; m != nil && m.Reservation != nil && *m.Reservation > 0 {
		r.MemoryReservation = *m.Reservation
	}
	if c := set.CPU; c != nil {
		r.CPUSet, r.CPUSetMems = describedSet(c.Cpus), describedSet(c.Mems)
	}
	if p := set.Pids; p != nil && p.Limit != nil && *p.Limit > 0 {
		r.PIDs = *p.Limit
	}
	if c := set.CPU; c != nil && c.Quota != nil && *c.Quota > 0 && c.Period != nil && *c.Period > 0 {
		const digits = 1e4
		r.CPUs = math.Round(float64(*c.Quota)/float64(*c.Period)*digits) / digits
	}
	if r == (resource.Resources{}) {
		return nil
	}
	return &r
}

// describedSet returns a set of processors in normal form, or "" for none.
func describedSet(s string) string {
	all, err := resource.ParseCPUSet(s)
	if err != nil {
		return ""
	}
	return resource.FormatCPUSet(all)
}

// Inspection holds the settings in containerd that a container was made with.
type Inspection struct {
	Spec *specs.Spec
	// Image is the reference that the container was made from. ImageDigest and Config belong to the image that has this name
	// now; they are empty where none has.
	Image, ImageDigest string
	// Labels are those of the container in containerd.
	Labels map[string]string
	Config ocispec.ImageConfig
	// Record is the record of the container, see [Options.Record]; nil for none.
	Record []byte
}
