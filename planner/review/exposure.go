package review

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
)

// egressWidened compares the policies of a space that stays: of a new one, nobody relies on a narrower policy.
func (h *hazards) egressWidened(c *plan.Change) string {
	before, after := specs[*resource.Space](c)
	if before == nil || after == nil || c.Action != plan.Update && c.Action != plan.Replace {
		return ""
	}
	had, has := networkOf(before), networkOf(after)
	const remedy = "Keep the policy, or allow single destinations with egress."
	switch {
	case has.Internal || !had.Internal && !denies(had): // nothing is let out, or everything was
		return ""
	case !denies(has) && had.Internal:
		return "Its network is no longer internal: its cells can connect to every destination. " + remedy
	case !denies(has):
		return "Its egress policy no longer denies by default: its cells can connect to every destination. " + remedy
	}
	var news []string
	for _, rule := range has.Egress.Allow {
		if had.Internal || !covered(rule, had.Egress.Allow) {
			news = append(news, ruleText(rule))
		}
	}
	if len(news) == 0 {
		return ""
	}
	return fmt.Sprintf("Its cells can connect to further destinations: %s. Make sure that they need them.", list(news))
}

func networkOf(s *resource.Space) *resource.Network {
	if s.Network == nil {
		return &resource.Network{}
	}
	return s.Network
}

// denies reports whether the policy lets cells connect to nothing but the allowed destinations.
func denies(n *resource.Network) bool {
	return n.Egress != nil && n.Egress.Default == resource.EgressDeny
}

// covered reports whether one of the rules allows all that rule does.
func covered(rule resource.EgressRule, by []resource.EgressRule) bool {
	want, ok := prefixOf(rule.CIDR)
	return ok && slices.ContainsFunc(by, func(have resource.EgressRule) bool {
		wider, ok := prefixOf(have.CIDR)
		return ok && wider.Bits() <= want.Bits() && wider.Contains(want.Addr()) && coversPorts(have.Ports, rule.Ports)
	})
}

// coversPorts reports whether the ports of have, all for none, include those of want.
func coversPorts(have, want []string) bool {
	if len(have) == 0 || len(want) == 0 {
		return len(have) == 0
	}
	return !slices.ContainsFunc(want, func(text string) bool {
		w, protocol, err := resource.ParseEgressPort(text)
		return err != nil || !slices.ContainsFunc(have, func(text string) bool {
			r, of, err := resource.ParseEgressPort(text)
			return err == nil && of == protocol && r.First <= w.First && w.Last <= r.Last
		})
	})
}

func prefixOf(cidr string) (netip.Prefix, bool) {
	if address, err := netip.ParseAddr(cidr); err == nil {
		return netip.PrefixFrom(address, address.BitLen()), true
	}
	prefix, err := netip.ParsePrefix(cidr)
	return prefix.Masked(), err == nil
}

func ruleText(rule resource.EgressRule) string {
	switch len(rule.Ports) {
	case 0:
		return rule.CIDR
	case 1:
		return rule.CIDR + " port " + rule.Ports[0]
	}
	return rule.CIDR + " ports " + list(rule.Ports)
}

// services are those that hold data, or control a host, and trust their clients; by their ports.
var services = map[int]string{
	1433: "SQL Server", 1521: "Oracle Database", 2375: "the Docker API", 2379: "etcd", 3306: "MySQL", 5432: "PostgreSQL", 5672: "RabbitMQ",
	5984: "CouchDB", 6379: "Redis", 8086: "InfluxDB", 9042: "Cassandra", 9200: "Elasticsearch", 11211: "memcached", 27017: "MongoDB",
}

// portExposed looks for ports that every address of the host newly serves. Of a new cell, the ports of known services alone are a
// hazard: a web server is there to be reached.
func (h *hazards) portExposed(c *plan.Change) string {
	if c.Path.Kind() != resource.KindCell || c.After == nil {
		return ""
	}
	before, after := h.published(c.Path)
	var all, remedies []string
	for _, text := range after {
		port, err := resource.ParsePort(text)
		if err != nil || !everywhere(port) || slices.ContainsFunc(before, func(had string) bool { return everywhere(parsed(had)) && (serves(had, port) || leads(had, port)) }) {
			continue
		}
		name := text
		was := slices.IndexFunc(before, func(had string) bool { return serves(had, port) })
		switch service := serviceOf(port); {
		case was >= 0:
			name += " (was " + before[was] + ")"
		case service != "":
			name += " (" + service + ")"
		case c.Before == nil:
			continue
		}
		all = append(all, name)
		port.HostIP = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		remedies = append(remedies, port.String())
	}
	if len(all) == 0 {
		return ""
	}
	noun, verb := "Port", "is"
	if len(all) > 1 {
		noun, verb = "Ports", "are"
	}
	return fmt.Sprintf("%s %s %s published on all addresses of the host: every machine that reaches it can connect. For this host alone, publish %s.", noun, list(all), verb, list(remedies))
}

// everywhere reports whether the port is published on all addresses of the host.
func everywhere(p resource.Port) bool {
	return p.Host.First != 0 && (!p.HostIP.IsValid() || p.HostIP.IsUnspecified())
}

// serves reports whether the published port had includes the ports of the host of p.
func serves(had string, p resource.Port) bool {
	port := parsed(had)
	return port.Protocol == p.Protocol && port.Host.First <= p.Host.First && p.Host.Last <= port.Host.Last
}

// leads reports whether the published port had leads to the ports of the cell that p leads to.
func leads(had string, p resource.Port) bool {
	port := parsed(had)
	return port.Protocol == p.Protocol && port.Container.First <= p.Container.First && p.Container.Last <= port.Container.Last
}

// parsed returns a published port, the zero one for a text that is none.
func parsed(text string) resource.Port {
	port, err := resource.ParsePort(text)
	if err != nil {
		return resource.Port{}
	}
	return port
}

// serviceOf returns the name of the first known service in the range of ports of the cell.
func serviceOf(p resource.Port) string {
	for n := p.Container.First; n <= p.Container.Last; n++ {
		if name := services[n]; name != "" && p.Protocol == "tcp" {
			return name
		}
	}
	return ""
}

// powers are the capabilities with which a container gets at the host, or at other containers.
var powers = []string{
	"ALL", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN", "MAC_OVERRIDE", "PERFMON", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME",
}

// harmless are the devices that give a container nothing of the host.
var harmless = []string{"/dev/full", "/dev/fuse", "/dev/net/tun", "/dev/null", "/dev/ptmx", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"}

func (h *hazards) privilegedAdded(c *plan.Change) string {
	before, after, ok := made(c)
	if !ok {
		return ""
	}
	had := privileges(before)
	news := slices.DeleteFunc(privileges(after), func(p string) bool { return slices.Contains(had, p) || slices.Contains(had, "privileged") })
	if len(news) == 0 {
		return ""
	}
	return fmt.Sprintf("It gets %s: a program that breaks out of the container controls the host. Grant nothing that its program does without.", list(news))
}

// privileges returns the settings of a container that weaken its isolation; container may be nil.
func privileges(container *resource.Container) (all []string) {
	if container == nil {
		return nil
	}
	if container.Privileged {
		return []string{"privileged"} // which includes all others
	}
	if container.Capabilities != nil {
		for _, name := range container.Capabilities.Add {
			if slices.Contains(powers, strings.TrimPrefix(name, "CAP_")) {
				all = append(all, "the capability "+name)
			}
		}
	}
	for _, ns := range []struct{ name, mode string }{{"PID", container.PID}, {"IPC", container.IPC}, {"UTS", container.UTS}} {
		if ns.mode == resource.NamespaceHost {
			all = append(all, "the "+ns.name+" namespace of the host")
		}
	}
	for _, rule := range container.DeviceCgroupRules {
		all = append(all, "the device rule "+rule)
	}
	for _, opt := range container.SecurityOpts {
		if strings.HasSuffix(opt, "=unconfined") {
			all = append(all, opt)
		}
	}
	for _, device := range container.Devices {
		if name := path.Clean(resource.DeviceHostPath(device)); !slices.Contains(harmless, name) {
			all = append(all, "the device "+name)
		}
	}
	return all
}

// hostParts are directories and sockets of the host: who can write into one of them, or use the socket, controls the host. Those
// with a "/" at the end are so with everything in them.
var hostParts = []string{
	"/", "/bin/", "/boot/", "/dev/", "/etc", "/etc/cni/", "/etc/containerd/", "/etc/cron.d/", "/etc/crontab", "/etc/gshadow", "/etc/ld.so.preload",
	"/etc/pam.d/", "/etc/passwd", "/etc/profile.d/", "/etc/shadow", "/etc/ssh/", "/etc/sudoers", "/etc/sudoers.d/", "/etc/systemd/", "/home", "/lib/",
	"/lib64/", "/opt", "/opt/kukeon/", "/proc/", "/root", "/root/.config/", "/root/.docker/", "/root/.gnupg/", "/root/.kube/", "/root/.local/", "/root/.ssh/", "/run", "/run/containerd/", "/run/crio/", "/run/docker.sock", "/run/podman/",
	"/run/systemd/", "/sbin/", "/sys/", "/usr", "/usr/bin/", "/usr/lib/", "/usr/local", "/usr/local/bin/", "/usr/sbin/", "/var", "/var/lib",
	"/var/lib/containerd/", "/var/lib/docker/", "/var/lib/kubelet/", "/var/spool/cron/",
}

// secretParts are those of which reading is enough.
var secretParts = []string{"/", "/dev/", "/etc", "/etc/gshadow", "/etc/shadow", "/etc/ssh/", "/home", "/opt/kukeon/", "/proc", "/root", "/root/.config/", "/root/.docker/", "/root/.gnupg/", "/root/.kube/", "/root/.ssh/", "/var", "/var/lib"}

// sockets are those of hostParts and of programs that obey everybody who connects: read-only or not makes no difference.
var sockets = []string{"/run", "/run/containerd/", "/run/crio/", "/run/docker.sock", "/run/podman/", "/run/systemd/"}

func (h *hazards) hostMount(c *plan.Change) string {
	before, after, ok := made(c)
	if !ok {
		return ""
	}
	var all []string
	for _, v := range after.Volumes {
		source := h.hostPath(v)
		part := v.ReadOnly && (within(sockets, source) || within(secretParts, source)) || !v.ReadOnly && within(hostParts, source)
		known := before != nil && slices.ContainsFunc(before.Volumes, func(had resource.VolumeMount) bool {
			return sourceOf(had) == sourceOf(v) && (!had.ReadOnly || v.ReadOnly)
		})
		if source == "" || !part || known {
			continue
		}
		name := source
		if v.ReadOnly {
			name += " (read-only)"
		}
		all = append(all, name)
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("It mounts %s of the host: with that, its program controls the host or reads its secrets. Mount a directory that is for the container alone.", list(all))
}

// hostPath returns the path of the host that is mounted, "" for one of kuke.
func (h *hazards) hostPath(m resource.VolumeMount) string {
	if m.Volume == "" {
		return m.Source
	}
	r := h.prior.Records[resource.Path(m.Volume)]
	if c := h.changes[resource.Path(m.Volume)]; c != nil && c.After != nil {
		r = c.After
	}
	if r == nil {
		return ""
	}
	return r.Spec.(*resource.Volume).Path
}

// within reports whether the path is one of the places, see [hostParts].
func within(places []string, source string) bool {
	source = path.Clean(source)
	if rest, ok := strings.CutPrefix(source, "/var/run"); ok && (rest == "" || rest[0] == '/') {
		source = "/run" + rest // a symbolic link on every distribution
	}
	return slices.ContainsFunc(places, func(place string) bool {
		return source == path.Clean(place) || place != "/" && strings.HasSuffix(place, "/") && strings.HasPrefix(source, place)
	})
}

// secretWords are the parts of the name of a variable that holds a secret.
var secretWords = []string{"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "CREDENTIALS"}

// secretInEnv names variables whose values are recorded and shown. It tells no value.
func (h *hazards) secretInEnv(c *plan.Change) string {
	before, after, ok := made(c)
	if !ok {
		return ""
	}
	var names []string
	for _, pair := range after.Env.Pairs() {
		name, value, _ := strings.Cut(pair, "=")
		if before != nil && before.Env[name] == value || !isSecret(name, value) {
			continue
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	noun, verb := "Variable", "is"
	if len(names) > 1 {
		noun, verb = "Variables", "are"
	}
	return fmt.Sprintf("%s %s of the environment %s in plain text in the state and in plans. Take the value from a sensitive variable, or from a block secret.", noun, list(names), verb)
}

// isSecret reports whether a variable of the environment seems to hold a secret in plain text, rather than its file or a switch.
func isSecret(name, value string) bool {
	name = strings.ToUpper(name)
	if value == "" || resource.IsSealed(value) {
		return false
	}
	if _, rest, isURL := strings.Cut(value, "://"); isURL {
		authority, _, _ := strings.Cut(rest, "/")
		user, _, hasUser := strings.Cut(authority, "@")
		_, password, _ := strings.Cut(user, ":")
		return hasUser && password != ""
	}
	for _, suffix := range []string{"_FILE", "_PATH", "_DIR", "_TTL", "_EXPIRY", "_LENGTH", "_NAME", "_URL"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	switch strings.ToLower(value) {
	case "true", "false", "yes", "no", "on", "off", "0", "1", "none":
		return false
	}
	// A word ends with the name or before "_": PGPASSWORD holds a password, and MAX_TOKENS no token.
	return !strings.HasPrefix(value, "/") && slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name+"_", word+"_") })
}

// hostNetwork tells of a cell that gets the network of the host, once, at its root container.
func (h *hazards) hostNetwork(c *plan.Change) string {
	before, after, ok := made(c)
	if !ok || !after.Root || after.Network != resource.NetworkHost || before != nil && before.Network == resource.NetworkHost {
		return ""
	}
	return "Its cell gets the network of the host: it reaches services on loopback addresses and abstract sockets, every space, and opens ports that no rule of kuke guards. Use the network of the space and ports, unless it needs the host's interfaces."
}
