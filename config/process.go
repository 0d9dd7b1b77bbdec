package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// maxID is the largest user or group id that runc takes, in a Linux that would go to 2^32-2.
const maxID = math.MaxInt32

// The bounds of Linux for an execve, in bytes: of one argument or NAME=value with its final NUL, and of all of them with a
// pointer each, which is a quarter of the default limit of a stack.
const (
	maxArgument  = 128 << 10
	maxArguments = 2 << 20
)

// checkUser reads name, uid, name:group or uid:gid. Which names there are only the image tells.
func checkUser(s string) (string, error) {
	parts := strings.Split(s, ":")
	if len(parts) > 2 {
		return "", fmt.Errorf("%q has more than two parts; write user or user:group", message.Shorten(s))
	}
	if strings.Trim(s, ":") == "" {
		return "", fmt.Errorf("%q names neither a user nor a group; write user or user:group, each a name or an id", message.Shorten(s))
	}
	for i, part := range parts {
		kind := []string{"user", "group"}[i]
		if strings.ContainsFunc(part, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return "", fmt.Errorf("the %s %q contains white space; write a name or an id", kind, message.Shorten(part))
		}
		id, err := strconv.Atoi(part)
		if errors.Is(err, strconv.ErrRange) || err == nil && (id < 0 || id > maxID) {
			return "", fmt.Errorf("the %s id %s is out of range; write an id from 0 to %d, or a name", kind, message.Shorten(part), maxID)
		}
		if err == nil {
			parts[i] = strconv.Itoa(id)
		}
	}
	return strings.TrimSuffix(strings.Join(parts, ":"), ":"), nil
}

// checkArgument bounds an argument, or a variable as NAME=value. It never repeats the text, which may be sensitive.
func checkArgument(s string) (string, error) {
	if len(s) >= maxArgument {
		return "", fmt.Errorf("it has %d bytes, but Linux passes at most %d to a program; put the value in a file and mount it", len(s), maxArgument-1)
	}
	return s, nil
}

// checkArguments bounds the arguments and the variables of a container together. Those of its image come on top.
func checkArguments(r *resource.Resource, c *resource.Container, diags *resource.Diagnostics) {
	const each = 1 + 8 // the NUL at its end, and a pointer to it
	total := 0
	for _, arg := range c.Args {
		total += len(arg) + each
	}
	for name, value := range c.Env {
		total += len(name) + 1 + len(value) + each
	}
	if total > maxArguments {
		diags.Errorf(r.RangeOf("args"), r.Path, "Too many arguments", "The arguments and environment variables take %d bytes together, but Linux passes at most %d to a program. Put large values in files and mount them.", total, maxArguments)
	}
}
