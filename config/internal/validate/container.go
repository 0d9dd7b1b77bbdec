package validate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"tags.cncf.io/container-device-interface/pkg/parser"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// normalDevice reads hostPath[:containerPath[:rwm]] and leaves out defaults, or the name of a CDI device.
func normalDevice(s string) (string, error) {
	if resource.IsCDIDevice(s) && strings.Contains(s, "=") {
		if _, _, _, err := parser.ParseQualifiedName(s); err != nil {
			return "", fmt.Errorf("%q is no name of a CDI device: write vendor/class=device, such as nvidia.com/gpu=all", message.Shorten(s))
		}
		return s, nil
	}
	parts := strings.Split(s, ":")
	if len(parts) > 3 {
		return "", fmt.Errorf("%q has more than three parts; write hostPath[:containerPath[:rwm]]", message.Shorten(s))
	}
	for i, p := range parts[:min(len(parts), 2)] {
		if i == 1 && strings.Trim(p, "rwm") == "" && p != "" {
			return "", fmt.Errorf("%q has permissions in the place of the path in the container; write %q", message.Shorten(s), parts[0]+":"+parts[0]+":"+p)
		}
		clean, err := normalPath(p)
		if err != nil {
			return "", err
		}
		parts[i] = clean
	}
	if len(parts) == 3 {
		access, err := normalAccess(parts[2])
		if err != nil {
			return "", err
		}
		parts[2] = access
		if parts[2] == "rwm" {
			parts = parts[:2]
		}
	}
	if len(parts) == 2 && parts[0] == parts[1] {
		parts = parts[:1]
	}
	return strings.Join(parts, ":"), nil
}

func normalAccess(s string) (string, error) {
	var access strings.Builder
	for _, r := range "rwm" {
		if strings.ContainsRune(s, r) {
			access.WriteRune(r)
		}
	}
	if access.Len() == 0 || access.Len() != len(s) {
		return "", fmt.Errorf("the access %q is not made of r (read), w (write) and m (mknod), each at most once", message.Shorten(s))
	}
	return access.String(), nil
}

// normalDeviceRule reads a rule of the devices controller: type, major:minor and access.
func normalDeviceRule(s string) (string, error) {
	wrong := fmt.Errorf("%q is no rule for devices; write the type (a, b or c), the numbers and the access, such as \"c 189:* rwm\"", message.Shorten(s))
	fields := strings.Fields(s)
	if len(fields) != 3 || !slices.Contains([]string{"a", "b", "c"}, fields[0]) {
		return "", wrong
	}
	major, minor, ok := strings.Cut(fields[1], ":")
	for _, number := range []*string{&major, &minor} {
		if *number == "*" {
			continue
		}
		n, err := strconv.ParseUint(*number, 10, 31)
		if err != nil || !ok {
			return "", wrong
		}
		*number = strconv.FormatUint(n, 10)
	}
	access, err := normalAccess(fields[2])
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %s:%s %s", fields[0], major, minor, access), nil
}

// capabilities are those of Linux 5.9 and later, in the order of their numbers.
var capabilities = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
	SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
	AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF
	CHECKPOINT_RESTORE`)

func normalCapability(s string) (string, error) {
	name := strings.TrimPrefix(strings.ToUpper(s), "CAP_")
	if name == "ALL" || slices.Contains(capabilities, name) {
		return name, nil
	}
	hint := message.Suggest(name, capabilities)
	if hint == "" {
		hint = " They are listed in capabilities(7); ALL means every one."
	}
	return "", fmt.Errorf("there is no capability %q.%s", message.Shorten(s), hint)
}

func normalSecurityOption(s string) (string, error) {
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

func normalRestartPolicy(s string) (string, error) {
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

// Image completes an image reference as Docker does: busybox is docker.io/library/busybox:latest.
func Image(s string) (string, error) {
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

// normalSealed never repeats the text: somebody may have taken this for the place of the value.
func normalSealed(s string) (string, error) {
	if !resource.IsSealed(s) {
		return "", errors.New("this attribute holds the digest that kuke records, and no value. Remove it, and name the source of the value")
	}
	return s, nil
}
