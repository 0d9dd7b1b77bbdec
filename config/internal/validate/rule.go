package validate

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// Rule is a rule that a text must keep beyond its type.
type Rule struct {
	// Summary is the title of the diagnostic about a text that breaks the rule.
	Summary string
	// normalize returns the text in normal form, or an error with the remedy.
	normalize func(string) (string, error)
	// normalizeFrom replaces normalize where the meaning depends on the resource that says it.
	normalizeFrom func(resource.Path, string) (string, error)
	// Values are the texts that the rule takes; with a pattern, it takes further ones.
	Values []string
	// Number reports whether the text may be written as a number: in YAML, 0755 is one.
	Number bool
	// Pattern matches every text that the rule takes, and maybe others, for editors. JavaScript and Go both read it.
	Pattern string
}

// Parts of patterns.
const (
	portPattern     = `[0-9]+(-[0-9]+)?`
	hostNamePattern = `^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`
	protocolPattern = `(/([Tt][Cc][Pp]|[Uu][Dd][Pp]|[Ss][Cc][Tt][Pp]))?$`
)

// rules are the rules by the name that a field's tag gives them.
var rules = map[string]Rule{
	// Names and references.
	"name":      {Summary: "Invalid name", normalize: normalName, Pattern: resource.NamePattern},
	"cell":      {Summary: "Invalid cell", normalizeFrom: normalCell, Pattern: `^[a-z0-9-]+(/[a-z0-9-]+){0,3}$`},
	"sealed":    {Summary: "Invalid digest", normalize: normalSealed, Pattern: `^sealed:hmac-sha256:[0-9a-f]{64}$`},
	"condition": choice("condition", string(resource.Started), string(resource.Healthy), string(resource.Completed)),

	// Images.
	"pullpolicy": choice("pull policy", resource.PullMissing, resource.PullAlways, resource.PullNever),
	"registry":   {Summary: "Invalid registry", normalize: normalRegistry, Pattern: `^[A-Za-z0-9.:/_\[\]-]+$`},

	// Processes.
	"argument":      {Summary: "Invalid argument", normalize: Argument, Pattern: `^[^\x00]*$`},
	"envfile":       {Summary: "Invalid env file", normalize: normalEnvFile, Pattern: `^[^\x00]*[^?\x00]\??$`},
	"user":          {Summary: "Invalid user", normalize: normalUser, Pattern: `^([^:\s]+(:[^:\s]*)?|:[^:\s]+)$`},
	"group":         {Summary: "Invalid group", normalize: normalGroup, Pattern: `^[^:\s]+$`},
	"capability":    {Summary: "Unknown capability", normalize: normalCapability, Values: append([]string{"ALL"}, capabilities...), Pattern: `^(CAP_[A-Z_]+|[A-Za-z_]*[a-z][A-Za-z_]*)$`},
	"securityopt":   {Summary: "Unknown security option", normalize: normalSecurityOption, Pattern: `^(no-new-privileges([=:](true|false))?|(seccomp|systempaths)[=:]unconfined|apparmor[=:][\s\S]+)$`},
	"pidmode":       choice("PID mode", "private", resource.NamespaceHost),
	"ipcmode":       choice("IPC mode", "private", resource.NamespaceHost, resource.IPCNone),
	"utsmode":       choice("UTS mode", "private", resource.NamespaceHost),
	"signal":        {Summary: "Unknown signal", normalize: normalSignal, Pattern: `^[A-Za-z0-9+-]+$`},
	"restartpolicy": {Summary: "Invalid restart policy", normalize: normalRestartPolicy, Pattern: `^(no|always|unless-stopped|on-failure(:[0-9]+)?)$`},
	"onunhealthy":   choice("action", "none", resource.UnhealthyRestart),
	"logdriver":     {Summary: "Unknown logging driver", normalize: normalLogDriver, Values: []string{resource.LogLocal, resource.LogJSONFile, resource.LogJournald, resource.LogNone}},

	// Files and mounts.
	"abspath":       {Summary: "Invalid path", normalize: normalPath, Pattern: `^/`},
	"subpath":       {Summary: "Invalid path", normalize: normalSubpath, Pattern: `^[^/]`},
	"source":        {Summary: "Invalid source", normalize: normalSource, Pattern: `^(/|\.{1,2}(/|$)|~(/|$)|[a-z0-9-]+$)`},
	"volume":        {Summary: "Invalid volume", normalize: normalVolume, Pattern: `^([a-z0-9-]+/){0,3}@?[a-z0-9-]+$`},
	"mountkind":     choice("kind of mount", resource.MountBind, resource.MountTmpfs, resource.MountVolume),
	"mode":          modeRule(maxDirMode, 0),
	"filemode":      modeRule(fs.ModePerm, resource.DefaultFileMode),
	"tmpfsoption":   {Summary: "Unknown mount option", normalize: normalTmpfsOption, Pattern: `^[a-z_]+(=.*)?$`},
	"propagation":   choice("propagation", resource.Propagations...),
	"selinux":       oneOf("SELinux label", resource.SELinuxShared, resource.SELinuxPrivate),
	"reclaimpolicy": choice("reclaim policy", resource.ReclaimRetain, resource.ReclaimDelete),

	// CPUs and devices.
	"cpuset":     {Summary: "Invalid CPU set", normalize: normalCPUSet, Pattern: `^ *[0-9]+(-[0-9]+)?( *, *[0-9]+(-[0-9]+)?)* *$`},
	"device":     {Summary: "Invalid device", normalize: normalDevice, Pattern: `^(/[^:]*(:/[^:]*(:[rwm]{1,3})?)?|[A-Za-z][^/=]*/[A-Za-z][^/=]*=[A-Za-z0-9][^/=]*)$`},
	"devicerule": {Summary: "Invalid device rule", normalize: normalDeviceRule, Pattern: `^\s*[abc]\s+([0-9]+|\*):([0-9]+|\*)\s+[rwm]{1,3}\s*$`},

	// Networks.
	"port":           {Summary: "Invalid port", normalize: normalPort, Pattern: `^([0-9A-Fa-f.:\[\]]+:)?(` + portPattern + `:)?` + portPattern + protocolPattern},
	"egressport":     {Summary: "Invalid port", normalize: normalEgressPort, Pattern: `^` + portPattern + protocolPattern},
	"subnet":         {Summary: "Invalid subnet", normalize: normalSubnet, Pattern: `^[0-9]+(\.[0-9]+){3}/[0-9]+$`},
	"ipv4":           {Summary: "Invalid address", normalize: normalIPv4, Pattern: `^[0-9]+(\.[0-9]+){3}$`},
	"subnet6":        {Summary: "Invalid subnet", normalize: normalSubnet6, Pattern: `^(auto|[0-9A-Fa-f:]+/[0-9]+)$`},
	"ipv6":           {Summary: "Invalid address", normalize: normalIPv6, Pattern: `^[0-9A-Fa-f:]+$`},
	"cidr":           {Summary: "Invalid destination", normalize: normalCIDR, Pattern: `^[0-9A-Fa-f.:]+(/[0-9]+)?$`},
	"verdict":        choice("verdict", "allow", resource.EgressDeny),
	"mac":            {Summary: "Invalid MAC address", normalize: normalMAC, Pattern: `^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$|^[0-9A-Fa-f]{4}(\.[0-9A-Fa-f]{4}){2}$`},
	"networkmode":    choice("network", "space", resource.NetworkHost, resource.NetworkNone),
	"hostname":       {Summary: "Invalid host name", normalize: normalHostname, Pattern: hostNamePattern},
	"domainname":     {Summary: "Invalid domain name", normalize: normalDomainname, Pattern: hostNamePattern},
	"resolver":       {Summary: "Invalid DNS server", normalize: normalResolver, Pattern: `^[0-9A-Fa-f.:]+$`},
	"searchdomain":   {Summary: "Invalid domain", normalize: normalSearchDomain, Pattern: `^([A-Za-z0-9_.-]+|\.)$`},
	"resolveroption": {Summary: "Invalid option", normalize: normalResolverOption, Pattern: `^\S+$`},
	"extrahost":      {Summary: "Invalid extra host", normalize: normalExtraHost, Pattern: `^[A-Za-z0-9_.-]+[:=](` + resource.HostGateway + `|\[?[0-9A-Fa-f.:]+\]?)$`},
}

// choice is the rule of a word out of a few. The first of them is the default, which is written as nothing.
func choice(noun string, words ...string) Rule {
	normalize := func(s string) (string, error) {
		if s == words[0] {
			return "", nil
		}
		return among(noun, words, s)
	}
	return Rule{Summary: "Unknown " + noun, normalize: normalize, Values: words}
}

// oneOf is the rule of a word out of a few, none of which is the default.
func oneOf(noun string, words ...string) Rule {
	normalize := func(s string) (string, error) { return among(noun, words, s) }
	return Rule{Summary: "Unknown " + noun, normalize: normalize, Values: words}
}

func among(noun string, words []string, s string) (string, error) {
	if slices.Contains(words, s) {
		return s, nil
	}
	last := len(words) - 1
	return "", fmt.Errorf("there is no %s %q; write %s or %s", noun, message.Shorten(s), strings.Join(words[:last], ", "), words[last])
}

// RuleOf returns the rule of an attribute, the zero one where it has none, and for a map, see [MemberRuleOf].
func RuleOf(a *resource.Attribute) Rule {
	if a.Type == resource.TypeMap {
		return Rule{}
	}
	rule, ok := rules[a.Check]
	if !ok && a.Check != "" {
		panic("config: no rule called " + a.Check)
	}
	return rule
}

// RefusesEmpty reports whether the rule takes no empty text.
func (r Rule) RefusesEmpty() bool {
	if r.normalize == nil {
		return r.normalizeFrom != nil
	}
	_, err := r.normalize("")
	return err != nil
}

// Normal returns s, which the resource at from says, in normal form.
func (r Rule) Normal(from resource.Path, s string) (string, error) {
	if r.normalizeFrom != nil {
		return r.normalizeFrom(from, s)
	}
	return r.normalize(s)
}

func normalPath(s string) (string, error) {
	if !strings.HasPrefix(s, "/") {
		return "", fmt.Errorf("%q is not an absolute path; write it from the root, such as %q", message.Shorten(s), message.Shorten(path.Clean("/"+s)))
	}
	return path.Clean(s), nil
}
