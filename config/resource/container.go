package resource

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// DefaultImage is the image of a container that names none.
const DefaultImage = "docker.io/library/debian:latest"

// DefaultStopTimeoutSeconds is the grace period of a container that chooses none: the time between the stop signal and
// SIGKILL.
const DefaultStopTimeoutSeconds = 10

// The pull policies. A container that chooses none has the first.
const (
	PullMissing = "missing"
	PullAlways  = "always"
	PullNever   = "never"
)

// DefaultAppArmorProfile is the AppArmor profile of a container that chooses none, on hosts that enforce AppArmor.
const DefaultAppArmorProfile = "kukeon-default"

// Container is an OCI container and its task.
type Container struct {
	Root                   bool          `json:"root,omitempty" kuke:"early,replace" doc:"Whether this is the cell's root container, which owns its network namespace. Default: the one that is recorded; in a new cell, the first that waits for no other."`
	Image                  string        `json:"image,omitempty" kuke:"early,replace,default=docker.io/library/debian:latest" doc:"Image reference. Short names are completed as Docker does: busybox is docker.io/library/busybox:latest. With a digest (app@sha256:…) it is the image of the realm with that digest, under any name."`
	PullPolicy             string        `json:"pullPolicy,omitempty" kuke:"recorded,check=pullpolicy,default=missing" doc:"When the image is pulled: missing (if the realm has no image of that name), always (at each plan) or never. An image that the realm has by the digest of the reference is not pulled."`
	Command                string        `json:"command,omitempty" kuke:"replace,check=argument" doc:"Program to run, in place of the image's entrypoint."`
	Args                   []string      `json:"args,omitempty" kuke:"replace,check=argument" doc:"Arguments of the program, in place of the image's command."`
	Env                    Env           `json:"env,omitempty" kuke:"replace,type=pairs" doc:"Environment variables on top of the image's."`
	User                   string        `json:"user,omitempty" kuke:"replace,check=user" doc:"User to run as: name, uid, name:group or uid:gid. Default: the image's."`
	WorkingDir             string        `json:"workingDir,omitempty" kuke:"replace,check=abspath" doc:"Working directory, an absolute path in the container. Default: the image's."`
	Ports                  []string      `json:"ports,omitempty" kuke:"early,live,type=set,check=port" doc:"Ports the cell publishes: [[hostIP:]hostPort:]containerPort[/tcp|/udp|/sctp]; ranges such as 8000-8010:80-90. Without hostPort, a free one from 32768 up, which the cell then keeps."`
	Volumes                []VolumeMount `json:"volumes,omitempty" kuke:"replace,block=volume,key=target" doc:"Volumes, and directories and files of the host, mounted into the container."`
	Tmpfs                  []Tmpfs       `json:"tmpfs,omitempty" kuke:"replace,block=tmpfs,key=path" doc:"Memory-backed file systems of the container."`
	Devices                []string      `json:"devices,omitempty" kuke:"replace,type=set,check=device" doc:"Devices of the host: hostPath[:containerPath[:rwm]], or all devices in a directory; and devices of the Container Device Interface (CDI): nvidia.com/gpu=all."`
	Networks               []string      `json:"networks,omitempty" kuke:"early,live,type=set,check=name" doc:"Further spaces of the realm that the cell is attached to."`
	NetworksAliases        []string      `json:"networksAliases,omitempty" kuke:"live,type=set,check=name" doc:"Further names of the cell in its spaces."`
	Privileged             bool          `json:"privileged,omitempty" kuke:"replace" doc:"All capabilities, all devices, no seccomp, nothing masked: the opt-out of the strict defaults."`
	ReadOnlyRootFilesystem bool          `json:"readOnlyRootFilesystem,omitempty" kuke:"replace" doc:"Mount the root file system read-only."`
	Capabilities           *Capabilities `json:"capabilities,omitempty" kuke:"replace" doc:"Changes to the default set of capabilities, which is Docker's."`
	SecurityOpts           []string      `json:"securityOpts,omitempty" kuke:"replace,type=set,check=securityopt" doc:"no-new-privileges=true|false, seccomp=unconfined, systempaths=unconfined, apparmor=PROFILE, which must be loaded, or apparmor=unconfined. Default: the profile kukeon-default, which kuke loads, on hosts that enforce AppArmor."`
	RestartPolicy          string        `json:"restartPolicy,omitempty" kuke:"live,check=restartpolicy" doc:"When containerd restarts the container after its exit: no, always, on-failure[:N] or unless-stopped. Without a policy only the next apply restarts it; with no or on-failure, an exit with 0 is final."`
	StopSignal             string        `json:"stopSignal,omitempty" kuke:"recorded,check=signal" doc:"Signal that asks the container to stop. Default: the image's, or SIGTERM."`
	StopTimeoutSeconds     *int64        `json:"stopTimeoutSeconds,omitempty" kuke:"recorded,min=0,max=86400,default=10" doc:"Seconds between the stop signal and SIGKILL."`
	OOMScoreAdj            int64         `json:"oomScoreAdj,omitempty" kuke:"live,min=-1000,max=1000" doc:"Preference of the kernel for killing the processes of the container when the host runs out of memory: -1000 (never) to 1000 (first). Default: 0."`
	Healthcheck            *Healthcheck  `json:"healthcheck,omitempty" kuke:"recorded" doc:"Check that the container works. Default: the HEALTHCHECK of the image. An apply that starts the container waits until it is healthy."`
	DependsOn              []Dependency  `json:"dependsOn,omitempty" kuke:"recorded,key=name,short" doc:"Containers of the same cell that are started before this one."`
	Secrets                []Secret      `json:"secrets,omitempty" kuke:"replace,block=secret,key=name" doc:"Secret values, mounted as files."`

	Files
	Naming
	Runtime
	Streams
	Common
}

// Kind returns [KindContainer].
func (*Container) Kind() Kind { return KindContainer }

// StopTimeout returns the grace period of c in seconds.
func (c *Container) StopTimeout() int64 {
	if c.StopTimeoutSeconds == nil {
		return DefaultStopTimeoutSeconds
	}
	return *c.StopTimeoutSeconds
}

// AppArmorProfile returns the AppArmor profile that c is to run under, or "" for none.
func (c *Container) AppArmorProfile() string {
	if c.Privileged {
		return ""
	}
	profile := DefaultAppArmorProfile
	for _, opt := range c.SecurityOpts {
		if name, ok := strings.CutPrefix(opt, "apparmor="); ok {
			profile = name
		}
	}
	if profile == "unconfined" {
		return ""
	}
	return profile
}

// Capabilities changes the default set of Linux capabilities.
type Capabilities struct {
	Add  []string `json:"add,omitempty" kuke:"replace,type=set,check=capability" doc:"Capabilities to add: NET_ADMIN or CAP_NET_ADMIN; ALL for every one."`
	Drop []string `json:"drop,omitempty" kuke:"replace,type=set,check=capability" doc:"Capabilities to drop; ALL for every one."`
}

// Secret is a value that is never stored or shown: a file in the memory of the host, mounted into the container.
type Secret struct {
	Name      string `json:"name" kuke:"replace,required,check=name" doc:"Name of the secret."`
	FromEnv   string `json:"fromEnv,omitempty" kuke:"recorded" doc:"Environment variable of kuke that holds the value."`
	FromFile  string `json:"fromFile,omitempty" kuke:"recorded" doc:"File that holds the value, relative to the directory of the configuration file."`
	MountPath string `json:"mountPath,omitempty" kuke:"replace,check=abspath" doc:"File in the container that holds the value. Default: /run/secrets/<name>."`
	Permissions
	// Digest is the sealed value, see [SealKey.Seal]. A digest in a configuration is ignored.
	Digest string `json:"digest,omitempty" kuke:"replace,check=sealed" doc:"Keyed digest of the value, as kuke records it. Leave it out: planning computes it."`
}

// Role returns the role of the container called name: "root" for the root container, else its name.
// The cgroup leaf of a container is <name>_<role>.
func (c *Container) Role(name string) string {
	if c.Root {
		return "root"
	}
	return name
}

// CgroupOf returns the path of the cgroup of the resource at p, below the cgroup root and with a leading
// "/": /kukeon/main/default/blog/web, and the leaf …/nginx_root for a container. spec is only read for containers.
func CgroupOf(p Path, spec Spec) string {
	return CgroupIn("/kukeon/"+string(p.Parent()), p, spec)
}

// CgroupIn is CgroupOf in the cgroup of the resource above p, which has another place than its path says once it was moved.
func CgroupIn(above string, p Path, spec Spec) string {
	name := p.Name()
	if c, ok := spec.(*Container); ok {
		name += "_" + c.Role(p.Name())
	}
	return strings.TrimSuffix(above, "/") + "/" + name
}

// MaxContainerID is the longest identifier containerd takes.
const MaxContainerID = 76

// ContainerID returns the containerd id of the container at p: <space>_<stack>_<cell>_<container>, shortened
// with a stable hash suffix where that would pass containerd's limit of 76 characters.
func ContainerID(p Path) string { return ContainerIDVariant(p, 1) }

// ContainerIDVariant returns the n-th form of [ContainerID], see [Variant].
func ContainerIDVariant(p Path, n int) string {
	return Shorten(Variant(strings.Join(p.Names()[1:], "_"), n), MaxContainerID)
}

// Shorten returns the id itself where it has no more characters than longest, else its beginning with a suffix that is a hash
// of all of it.
func Shorten(id string, longest int) string {
	if len(id) <= longest {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	const suffix = 12
	return strings.TrimRight(id[:longest-suffix-1], "_-") + "_" + hex.EncodeToString(sum[:])[:suffix]
}

// IsCDIDevice reports whether an entry of [Container.Devices] names a device of the Container Device Interface, such as
// nvidia.com/gpu=all.
func IsCDIDevice(device string) bool { return !strings.HasPrefix(device, "/") }

// DeviceHostPath returns the host's path in an entry of [Container.Devices], or the name of a CDI device.
func DeviceHostPath(device string) string {
	if IsCDIDevice(device) {
		return device
	}
	host, _, _ := strings.Cut(device, ":")
	return host
}
