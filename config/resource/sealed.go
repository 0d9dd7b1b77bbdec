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

// SealKey seals values: [SealKeySize] random bytes, of which each state has its own.
type SealKey []byte

// SealKeySize is the length of a key in bytes.
const SealKeySize = 32

// sealedPrefix begins every sealed text, before the hexadecimal digits of a SHA-256.
const sealedPrefix = "sealed:hmac-sha256:"

// Seal returns a text to store in place of value: with the key it tells whether the value has changed, without the key
// it tells nothing.
func (k SealKey) Seal(value string) string {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(value))
	return sealedPrefix + hex.EncodeToString(mac.Sum(nil))
}

// IsSealed reports whether text has the form of the result of [SealKey.Seal].
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

// Withheld reports whether the value must not be shown: it is sealed, or its attribute is sensitive.
func (l Leaf) Withheld() bool { return l.Top.Sensitive || l.Attribute.Sensitive || l.Sealed() }

// MapTexts returns a copy of c in which change has replaced each text that may be sensitive: the values of env, the
// command, the args, and the words of healthcheck.exec. change gets the name of the leaf too; its first error ends the
// walk.
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

// MayBeSensitive reports whether the value at the leaf of a container can be sealed: whether [Container.MapTexts] changes
// it.
func MayBeSensitive(leaf string) bool {
	switch leaf {
	case "command", "args", "healthcheck.exec":
		return true
	}
	return strings.HasPrefix(leaf, "env[")
}

// Target returns the mount point of the secret in the container.
func (s Secret) Target() string {
	if s.MountPath != "" {
		return s.MountPath
	}
	return "/run/secrets/" + s.Name
}
