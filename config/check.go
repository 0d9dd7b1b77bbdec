package config

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/distribution/reference"
	"golang.org/x/sys/unix"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// checker is a rule that a string must keep beyond its type. It returns the string in normal form, or an error
// that says what is wrong and how to mend it.
type checker struct {
	summary string
	check   func(string) (string, error)
	// checkFrom stands in for check where the meaning depends on the resource that says it.
	checkFrom func(resource.Path, string) (string, error)
	// values are the texts that are taken; with a pattern, further ones are.
	values []string
	// pattern matches at least all that is taken, for editors. It is of what JavaScript and Go have in common.
	pattern string
}

// What patterns are made of.
const (
	portPattern     = `[0-9]+(-[0-9]+)?`
	protocolPattern = `(/([Tt][Cc][Pp]|[Uu][Dd][Pp]|[Ss][Cc][Tt][Pp]))?$`
)

// checkers are the rules by the name that a field's tag gives them.
var checkers = map[string]checker{
	"abspath":       {summary: "Invalid path", check: checkAbsolutePath, pattern: `^/`},
	"port":          {summary: "Invalid port", check: checkPort, pattern: `^([0-9A-Fa-f.:\[\]]+:)?(` + portPattern + `:)?` + portPattern + protocolPattern},
	"egressport":    {summary: "Invalid port", check: checkEgressPort, pattern: `^` + portPattern + protocolPattern},
	"subnet":        {summary: "Invalid subnet", check: checkSubnet, pattern: `^[0-9]+(\.[0-9]+){3}/[0-9]+$`},
	"ipv4":          {summary: "Invalid address", check: checkIPv4, pattern: `^[0-9]+(\.[0-9]+){3}$`},
	"cidr":          {summary: "Invalid destination", check: checkCIDR, pattern: `^[0-9A-Fa-f.:]+(/[0-9]+)?$`},
	"verdict":       choice("verdict", "allow", resource.EgressDeny),
	"condition":     choice("condition", string(resource.Started), string(resource.Healthy), string(resource.Completed)),
	"device":        {summary: "Invalid device", check: checkDevice, pattern: `^/[^:]*(:/[^:]*(:[rwm]{1,3})?)?$`},
	"name":          {summary: "Invalid name", check: checkName, pattern: resource.NamePattern},
	"cell":          {summary: "Invalid cell", checkFrom: checkCell, pattern: `^[a-z0-9-]+(/[a-z0-9-]+){0,3}$`},
	"capability":    {summary: "Unknown capability", check: checkCapability, values: append([]string{"ALL"}, capabilities...), pattern: `^(CAP_[A-Z_]+|[A-Za-z_]*[a-z][A-Za-z_]*)$`},
	"securityopt":   {summary: "Unknown security option", check: checkSecurityOption, pattern: `^(no-new-privileges([=:](true|false))?|(seccomp|systempaths)[=:]unconfined|apparmor[=:][\s\S]+)$`},
	"pullpolicy":    choice("pull policy", resource.PullMissing, resource.PullAlways, resource.PullNever),
	"restartpolicy": {summary: "Invalid restart policy", check: checkRestartPolicy, pattern: `^(no|always|unless-stopped|on-failure(:[0-9]+)?)$`},
	"sealed":        {summary: "Invalid digest", check: checkSealed, pattern: `^sealed:hmac-sha256:[0-9a-f]{64}$`},
	"signal":        {summary: "Unknown signal", check: checkSignal, pattern: `^[A-Za-z0-9+-]+$`},
	"user":          {summary: "Invalid user", check: checkUser, pattern: `^([^:\s]+(:[^:\s]*)?|:[^:\s]+)$`},
	"argument":      {summary: "Invalid argument", check: checkArgument, pattern: `^[^\x00]*$`},
	"tmpfsoption":   {summary: "Unknown mount option", check: checkTmpfsOption, pattern: `^[a-z_]+(=.*)?$`},
}

// choice is the rule of a word out of a few. The first of them is the default, which is written as nothing.
func choice(what string, words ...string) checker {
	check := func(s string) (string, error) {
		switch {
		case s == words[0]:
			return "", nil
		case slices.Contains(words, s):
			return s, nil
		}
		last := len(words) - 1
		return "", fmt.Errorf("there is no %s %q; write %s or %s", what, message.Shorten(s), strings.Join(words[:last], ", "), words[last])
	}
	return checker{summary: "Unknown " + what, check: check, values: words}
}

// ruleOf returns the rule of an attribute, the zero one where it has none.
func ruleOf(a *resource.Attribute) checker { return checkers[a.Check] }

// refusesEmpty reports whether the rule takes no empty text.
func (c checker) refusesEmpty() bool {
	if c.check == nil {
		return c.checkFrom != nil
	}
	_, err := c.check("")
	return err != nil
}

// normal returns s, which the resource at from says, in normal form.
func (c checker) normal(from resource.Path, s string) (string, error) {
	if c.checkFrom != nil {
		return c.checkFrom(from, s)
	}
	return c.check(s)
}

// check applies the rule of a, if it has one, to s.
func (d *decoder) check(a *resource.Attribute, s string, rng resource.Range, shown string) (string, bool) {
	if a.Check == "" {
		return s, true
	}
	rule, ok := checkers[a.Check]
	if !ok {
		panic("config: no check called " + a.Check)
	}
	normal, err := rule.normal(d.path, s)
	if err != nil {
		d.errorf(rng, rule.summary, "%s: %s", shown, message.Stop(err))
		return "", false
	}
	return normal, true
}

func checkAbsolutePath(s string) (string, error) {
	if !strings.HasPrefix(s, "/") {
		return "", fmt.Errorf("%q is not an absolute path; write it from the root, such as %q", message.Shorten(s), message.Shorten(path.Clean("/"+s)))
	}
	return path.Clean(s), nil
}

func checkName(s string) (string, error) {
	if err := resource.CheckName(s); err != nil {
		return "", errors.New(err.Error() + strings.Replace(validName(s), " For", "; for", 1))
	}
	return s, nil
}

// checkCell completes the path of a cell, of which the resource at from need write only the names that differ from its own.
func checkCell(from resource.Path, s string) (string, error) {
	names, depth := strings.Split(s, "/"), resource.KindCell.Depth()
	if len(names) > depth {
		return "", fmt.Errorf("%q has %d names; write the cell's own, stack/cell, space/stack/cell or realm/space/stack/cell", message.Shorten(s), len(names))
	}
	for _, name := range names {
		if _, err := checkName(name); err != nil {
			return "", err
		}
	}
	if from == "" { // its name, or one above, is wrong
		return s, nil
	}
	return strings.Join(append(from.Names()[:depth-len(names)], names...), "/"), nil
}

// checkDevice reads hostPath[:containerPath[:rwm]] and leaves out what is the default anyway.
func checkDevice(s string) (string, error) {
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return "", fmt.Errorf("%q has more than three parts; write hostPath[:containerPath[:rwm]]", message.Shorten(s))
	}
	for i, p := range parts[:min(len(parts), 2)] {
		if i == 1 && strings.Trim(p, "rwm") == "" && p != "" {
			return "", fmt.Errorf("%q has permissions in the place of the path in the container; write %q", message.Shorten(s), parts[0]+":"+parts[0]+":"+p)
		}
		clean, err := checkAbsolutePath(p)
		if err != nil {
			return "", err
		}
		parts[i] = clean
	}
	if len(parts) == 3 {
		var access strings.Builder
		for _, r := range "rwm" {
			if strings.ContainsRune(parts[2], r) {
				access.WriteRune(r)
			}
		}
		if access.Len() == 0 || access.Len() != len(parts[2]) {
			return "", fmt.Errorf("the access %q is not made of r (read), w (write) and m (mknod), each at most once", message.Shorten(parts[2]))
		}
		parts[2] = access.String()
		if parts[2] == "rwm" {
			parts = parts[:2]
		}
	}
	if len(parts) == 2 && parts[0] == parts[1] {
		parts = parts[:1]
	}
	return strings.Join(parts, ":"), nil
}

// capabilities are those of Linux 5.9 and later, in the order of their numbers.
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
	SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
	AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF
	CHECKPOINT_RESTORE`)

func checkCapability(s string) (string, error) {
	name := strings.TrimPrefix(strings.ToUpper(s), "CAP_")
	if name == "ALL" || slices.Contains(capabilities, name) {
		return name, nil
	}
	hint := message.Suggest(name, capabilities)
	if hint == "" {
		hint = " They are listed in capabilities(7); ALL stands for every one."
	}
	return "", fmt.Errorf("there is no capability %q.%s", message.Shorten(s), hint)
}

func checkSecurityOption(s string) (string, error) {
	key, val, found := strings.Cut(s, "=")
	if !found {
		key, val, found = strings.Cut(s, ":")
	}
	switch key {
	case "no-new-privileges":
		if !found {
			val = "true"
		}
		if val == "true" || val == "false" {
			return key + "=" + val, nil
		}
		return "", fmt.Errorf("no-new-privileges is true or false, not %q", message.Shorten(val))
	case "seccomp", "systempaths":
		if val == "unconfined" {
			return key + "=" + val, nil
		}
		return "", fmt.Errorf("%s can only be set to unconfined, not to %q; without it, the default holds", key, message.Shorten(val))
	case "apparmor":
		if val != "" {
			return key + "=" + val, nil
		}
		return "", errors.New("apparmor needs the name of a profile; write apparmor=PROFILE")
	}
	return "", fmt.Errorf("there is no option %q; those known are no-new-privileges=true|false, seccomp=unconfined, systempaths=unconfined and apparmor=PROFILE", message.Shorten(s))
}

func checkRestartPolicy(s string) (string, error) {
	policy, retries, limited := strings.Cut(s, ":")
	switch {
	case s == "no", s == "always", s == "unless-stopped", s == "on-failure":
		return s, nil
	case policy == "on-failure" && limited:
		n, err := strconv.ParseUint(retries, 10, 31)
		if err != nil {
			return "", fmt.Errorf("on-failure:%s does not end in a number of restarts; write for example on-failure:3", message.Shorten(retries))
		}
		if n == 0 {
			return policy, nil
		}
		return fmt.Sprintf("%s:%d", policy, n), nil
	}
	return "", fmt.Errorf("there is no policy %q; write no, always, on-failure, on-failure:N or unless-stopped", message.Shorten(s))
}

// checkSignal reads TERM, SIGTERM, 15 or RTMIN+3, and returns the full name.
func checkSignal(s string) (string, error) {
	number, err := strconv.Atoi(s)
	if err != nil {
		number = signalNumber(strings.ToUpper(s))
	}
	switch {
	case number == realtimeMin:
		return "SIGRTMIN", nil
	case number > realtimeMin && number <= realtimeMax:
		return fmt.Sprintf("SIGRTMIN+%d", number-realtimeMin), nil
	case number > 0 && number < 32:
		if name := unix.SignalName(unix.Signal(number)); name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("there is no signal %q; write its name, such as TERM, QUIT or RTMIN+3, or its number", message.Shorten(s))
}

// The signals that have no names of their own, as C libraries count them.
const realtimeMin, realtimeMax = 34, 64

// signalNumber returns the number of the signal with the given name in upper case, or 0 if there is none.
func signalNumber(name string) int {
	name = strings.TrimPrefix(name, "SIG")
	if offset, ok := strings.CutPrefix(name, "RTMIN"); ok {
		return realtimeSignal(realtimeMin, offset, "+")
	}
	if offset, ok := strings.CutPrefix(name, "RTMAX"); ok {
		return realtimeSignal(realtimeMax, offset, "-")
	}
	return int(unix.SignalNum("SIG" + name))
}

func realtimeSignal(base int, offset, sign string) int {
	if offset == "" {
		return base
	}
	n, err := strconv.ParseInt(offset, 10, 8)
	if err != nil || !strings.HasPrefix(offset, sign) || base+int(n) < realtimeMin || base+int(n) > realtimeMax {
		return 0
	}
	return base + int(n)
}

// checkImage completes an image reference as Docker does: busybox is docker.io/library/busybox:latest.
func checkImage(s string) (string, error) {
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		hint := "write it as [registry/]repository[:tag][@digest], such as docker.io/library/busybox:latest"
		if errors.Is(err, reference.ErrNameContainsUppercase) {
			hint = "the repository must be in lower case"
		}
		return "", fmt.Errorf("%q is not an image reference; %s", message.Shorten(s), hint)
	}
	return reference.TagNameOnly(named).String(), nil
}

// checkSealed never repeats what it was given: somebody may have taken this for the place of the value.
func checkSealed(s string) (string, error) {
	if !resource.IsSealed(s) {
		return "", errors.New("this is not the place for a value, but for the digest that kuke records of it; leave it out, and say where the value comes from")
	}
	return s, nil
}

func checkVariable(name string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r == '=' || unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("%q can't name a variable: a name is not empty and has neither \"=\" nor white space", message.Shorten(name))
	}
	return nil
}

// checkLabelKey keeps users out of the keys that kuke itself sets.
func checkLabelKey(key string) error {
	const reserved = "kukeon.io/"
	switch {
	case key == "":
		return errors.New("the key of a label is empty; give it a name")
	case strings.HasPrefix(key, reserved):
		return fmt.Errorf("the key %q is reserved: kuke sets the labels below %s itself; use a domain of your own", message.Shorten(key), reserved)
	case strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("the key %q contains a control character; remove it", message.Shorten(key))
	}
	return nil
}
