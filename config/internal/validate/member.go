package validate

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/docker/go-units"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// MemberRule is a rule that the keys and the values of a map must keep.
type MemberRule struct {
	// Summary is the title of the diagnostic about a member that breaks the rule.
	Summary string
	// Key refuses keys.
	Key func(string) error
	// normalize returns the value of a key in normal form, or an error with the remedy; nil takes every value.
	normalize func(key, value string) (string, error)
	// Pattern matches every value that the rule takes, and maybe others, for editors: texts, and whole numbers. Without one, the rule
	// takes any text, number or boolean.
	Pattern string
	// Keys are the keys that the rule takes, nil for further ones too.
	Keys []string
	// Fields are the names of the parts of a value that may be written as an object, nil for none. The value has ":" between them.
	Fields []string
}

// Normal returns the value of the key in normal form.
func (r MemberRule) Normal(key, value string) (string, error) {
	if r.normalize == nil {
		return value, nil
	}
	return r.normalize(key, value)
}

// memberRules are the rules by the name that a field's tag gives them; "" is that of labels.
var memberRules = map[string]MemberRule{
	"":           {Summary: "Invalid label", Key: LabelKey},
	"annotation": {Summary: "Invalid annotation", Key: annotationKey},
	"sysctl":     {Summary: "Invalid sysctl", Key: sysctlKey, normalize: normalSysctl},
	"ulimit":     {Summary: "Invalid ulimit", Key: ulimitKey, normalize: normalUlimit, Pattern: ulimitPattern, Keys: ulimits, Fields: []string{"soft", "hard"}},
}

// MemberRuleOf returns the rule of an attribute that is a map of strings or of pairs.
func MemberRuleOf(a *resource.Attribute) MemberRule {
	if a.Type == resource.TypePairs {
		return MemberRule{Summary: "Invalid variable", Key: Variable}
	}
	rule, ok := memberRules[a.Check]
	if !ok {
		panic("config: no rule of members called " + a.Check)
	}
	return rule
}

func annotationKey(key string) error { return ownKey(key, "an annotation", "annotations") }

const ulimitPattern = `^(unlimited|[+-]?[0-9]+)(:(unlimited|[+-]?[0-9]+))?$`

// ulimits are the limits that a container can have.
var ulimits = strings.Fields("core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack")

func ulimitKey(key string) error {
	if slices.Contains(ulimits, key) {
		return nil
	}
	hint := message.Suggest(key, ulimits)
	if hint == "" {
		hint = " They are " + strings.Join(ulimits, ", ")
	}
	return fmt.Errorf("there is no ulimit %q.%s", message.Shorten(key), strings.TrimSuffix(hint, "."))
}

// normalUlimit reads soft:hard, or one number for both.
func normalUlimit(key, value string) (string, error) {
	parts := strings.Split(value, ":")
	for i, part := range parts {
		if part == "unlimited" {
			parts[i] = "-1"
		}
	}
	limit, err := units.ParseUlimit(key + "=" + strings.Join(parts, ":"))
	switch {
	case err != nil && strings.Contains(err.Error(), "less than or equal"):
		return "", fmt.Errorf("%q has a soft limit above the hard one; raise the hard limit, or lower the soft one", message.Shorten(value))
	case err != nil || limit.Soft < resource.Unlimited || limit.Hard < resource.Unlimited:
		return "", fmt.Errorf("%q is no limit; write soft:hard, such as \"1024:524288\", or one number for both; -1 is unlimited", message.Shorten(value))
	case key == "nofile" && limit.Hard == resource.Unlimited:
		return "", fmt.Errorf("%q: Linux has no unlimited number of open files; write a number, such as 1048576", message.Shorten(value))
	}
	return fmt.Sprintf("%d:%d", limit.Soft, limit.Hard), nil
}

// sysctls are the parameters outside of net and fs.mqueue that belong to a namespace of the container.
var sysctls = strings.Fields("kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced")

// sysctlKey takes the parameters that belong to the container's own namespaces: others would change the host.
func sysctlKey(key string) error {
	switch {
	case slices.Contains(sysctls, key):
		return nil
	case strings.Contains(key, "/"):
		return fmt.Errorf("the parameter %q has a slash; write it with dots, such as %q", message.Shorten(key), message.Shorten(strings.ReplaceAll(key, "/", ".")))
	case strings.HasPrefix(key, "net.") || strings.HasPrefix(key, "fs.mqueue."):
		name := key[strings.LastIndexByte(key, '.')+1:]
		if name != "" && !strings.Contains(key, "..") && !strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return nil
		}
		return fmt.Errorf("%q is no name of a parameter; sysctl -a lists them", message.Shorten(key))
	}
	hint := message.Suggest(key, sysctls)
	if hint == "" {
		hint = fmt.Sprintf(" A container can have its own net.*, fs.mqueue.* and %s; set others on the host, in /etc/sysctl.d", strings.Join(sysctls, ", "))
	}
	return fmt.Errorf("the parameter %q belongs to the whole host, not to a container.%s", message.Shorten(key), strings.TrimSuffix(hint, "."))
}

// normalSysctl separates several numbers by one space, as the kernel takes them and the runtime writes them.
func normalSysctl(_, value string) (string, error) {
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		return "", fmt.Errorf("the value %q contains a control character; remove it", message.Shorten(value))
	}
	normal := strings.Join(strings.Fields(value), " ")
	if normal == "" {
		return "", errors.New("the value is empty; write one, or remove the parameter to use the default of the kernel")
	}
	return normal, nil
}
