package validate

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

// maxArgument is the bound of Linux for one argument or NAME=value of an execve, in bytes with its final NUL.
const maxArgument = 128 << 10

// normalUser reads name, uid, name:group or uid:gid. Which names there are only the image tells.
func normalUser(s string) (string, error) {
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
		normal, err := normalID(kind, part)
		if err != nil {
			return "", err
		}
		parts[i] = normal
	}
	return strings.TrimSuffix(strings.Join(parts, ":"), ":"), nil
}

// normalID takes an id or a name.
func normalID(kind, s string) (string, error) {
	id, err := strconv.Atoi(s)
	if errors.Is(err, strconv.ErrRange) || err == nil && (id < 0 || id > maxID) {
		return "", fmt.Errorf("the %s id %s is out of range; write an id from 0 to %d, or a name", kind, message.Shorten(s), maxID)
	}
	if err != nil {
		return s, nil
	}
	return strconv.Itoa(id), nil
}

// normalGroup reads the name or the id of one group.
func normalGroup(s string) (string, error) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r == ':' || unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return "", fmt.Errorf("%q is no group; write a name or an id", message.Shorten(s))
	}
	return normalID("group", s)
}

// Argument bounds an argument, or a variable as NAME=value. It never repeats the text, which may be sensitive.
func Argument(s string) (string, error) {
	if len(s) >= maxArgument {
		return "", fmt.Errorf("it has %d bytes, but Linux passes at most %d to a program; put the value in a file and mount it", len(s), maxArgument-1)
	}
	return s, nil
}

// Variable refuses names that no environment variable can have.
func Variable(name string) error {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r == '=' || unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("%q can't name a variable: a name is not empty and has neither \"=\" nor white space", message.Shorten(name))
	}
	return nil
}

// normalEnvFile reads the path of a file, and a question mark behind one that may be missing.
func normalEnvFile(s string) (string, error) {
	if strings.TrimSuffix(s, "?") == "" {
		return "", errors.New("it names no file; write the path of a file of variables, such as app.env")
	}
	return s, nil
}

// normalLogDriver reads the name of a logging driver. Docker's two drivers of files are one here.
func normalLogDriver(s string) (string, error) {
	switch s {
	case resource.LogLocal, resource.LogJSONFile:
		return "", nil
	case resource.LogJournald, resource.LogNone:
		return s, nil
	}
	return "", fmt.Errorf("there is no logging driver %q; write local, json-file, journald or none", message.Shorten(s))
}
