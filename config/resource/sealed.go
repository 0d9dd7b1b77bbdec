package resource

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// SealKey is what values are sealed with: [SealKeySize] random bytes, of which each state has its own.
type SealKey []byte

// SealKeySize is the length of a key in bytes.
const SealKeySize = 32

// sealedPrefix begins every sealed text; as many hexadecimal digits as a SHA-256 has follow.
const sealedPrefix = "sealed:hmac-sha256:"

// Seal returns the text that stands for value wherever that must not be: it tells whether the value is still the same
// to whoever has the key, and nothing to others.
func (k SealKey) Seal(value string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(value))
	return sealedPrefix + hex.EncodeToString(mac.Sum(nil))
}

// IsSealed reports whether text has the form of what [SealKey.Seal] returns.
func IsSealed(text string) bool {
	digits, ok := strings.CutPrefix(text, sealedPrefix)
	if !ok || len(digits) != hex.EncodedLen(sha256.Size) {
		return false
	}
	return !strings.ContainsFunc(digits, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
}

// Sealed reports whether the value, or an element of it, is a sealed text.
func (l Leaf) Sealed() bool {
	switch v := l.Value.(type) {
	case string:
		return IsSealed(v)
	case []string:
		return slices.ContainsFunc(v, IsSealed)
	}
	return false
}

// Withheld reports whether the value must not be shown: it is sealed, or the attribute says so.
func (l Leaf) Withheld() bool { return l.Top.Sensitive || l.Attribute.Sensitive || l.Sealed() }

// MapTexts returns a copy of c in which change has made another text of each one that may be sensitive, given the
// name of its leaf: the values of env, the command, the args, and the words of healthcheck.exec. An error ends it.
func (c *Container) MapTexts(change func(leaf, text string) (string, error)) (*Container, error) {
	copied := *c
	var err error
	texts := func(leaf string, list []string) []string {
		list = slices.Clone(list)
		for i := range list {
			if err == nil {
				list[i], err = change(leaf, list[i])
			}
		}
		return list
	}
	copied.Env = maps.Clone(c.Env)
	for _, name := range slices.Sorted(maps.Keys(c.Env)) {
		if err == nil {
			copied.Env[name], err = change(EnvLeaf(name), c.Env[name])
		}
	}
	if c.Command != "" {
		copied.Command = texts("command", []string{c.Command})[0]
	}
	copied.Args = texts("args", c.Args)
	if c.Healthcheck != nil {
		check := *c.Healthcheck
		check.Exec = texts("healthcheck.exec", check.Exec)
		copied.Healthcheck = &check
	}
	return &copied, err
}

// EnvLeaf returns the name of the leaf of an environment variable.
func EnvLeaf(name string) string { return fmt.Sprintf("env[%q]", name) }

// MayBeSensitive reports whether what the leaf of a container holds can be sealed: one that [Container.MapTexts] changes.
func MayBeSensitive(leaf string) bool {
	switch leaf {
	case "command", "args", "healthcheck.exec":
		return true
	}
	return strings.HasPrefix(leaf, "env[")
}

// Target returns where in the container the secret is mounted.
func (s Secret) Target() string {
	if s.MountPath != "" {
		return s.MountPath
	}
	return "/run/secrets/" + s.Name
}
