package validate

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// tmpfsFlags are the mount options without a value that runc knows and a tmpfs may have.
var tmpfsFlags = strings.Fields(`defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync mand nomand
	atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime lazytime nolazytime iversion noiversion
	nosymfollow symfollow private rprivate shared rshared slave rslave unbindable runbindable tmpcopyup
	inode32 inode64 noswap`)

// tmpfsValues are the mount options with a value, and the pattern of the value.
var tmpfsValues = map[string]*regexp.Regexp{
	"size":      regexp.MustCompile(`^[0-9]+([kKmMgG]|%)?$`),
	"nr_blocks": regexp.MustCompile(`^[0-9]+[kKmMgG]?$`),
	"nr_inodes": regexp.MustCompile(`^[0-9]+[kKmMgG]?$`),
	"mode":      regexp.MustCompile(`^[0-7]{1,4}$`),
	"uid":       regexp.MustCompile(`^[0-9]{1,9}$`),
	"gid":       regexp.MustCompile(`^[0-9]{1,9}$`),
	"huge":      regexp.MustCompile(`^(never|always|within_size|advise)$`),
	"mpol":      regexp.MustCompile(`^[a-z]+(=[a-z]+)?(:[0-9,-]+)?$`),
}

// normalSource takes a path of the host. One that is relative, or in a home directory, is left as it is: it depends on
// the place of the configuration file.
func normalSource(s string) (string, error) {
	first, _, _ := strings.Cut(s, "/")
	switch {
	case first == "":
		return path.Clean(s), nil
	case first == "." || first == ".." || first == "~":
		return s, nil
	case resource.CheckName(s) == nil: // it may be the name of a volume: the kind of the mount decides that
		return s, nil
	case first[0] == '~':
		return "", fmt.Errorf("the home directories of other users aren't known; write %q as an absolute path", message.Shorten(s))
	}
	return "", fmt.Errorf("%q is no path of the host; write %q for the one beside the configuration file, or an absolute path", message.Shorten(s), message.Shorten("./"+s))
}

// modeRule is the rule of permissions up to the given ones, which are written in four octal digits. The usual ones are written as
// nothing.
func modeRule(most, usual fs.FileMode) Rule {
	normalize := func(s string) (string, error) {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "0o"), 8, 32)
		mode := fs.FileMode(n)
		switch {
		case err != nil || n > uint64(most):
			return "", fmt.Errorf("%q is no mode up to %#o in octal digits; write one such as 0750", message.Shorten(s), uint32(most))
		case usual != 0 && mode == usual:
			return "", nil
		}
		return fmt.Sprintf("%04o", n), nil
	}
	return Rule{Summary: "Invalid mode", normalize: normalize, Number: true, Pattern: `^(0o)?[0-7]{1,5}$`}
}

// maxDirMode has the sticky bit and those for set-user-ID and set-group-ID. They mean nothing for a file that no one executes.
const maxDirMode fs.FileMode = 0o7777

func normalTmpfsOption(s string) (string, error) {
	name, value, valued := strings.Cut(s, "=")
	pattern, ok := tmpfsValues[name]
	switch {
	case !valued && slices.Contains(tmpfsFlags, s), valued && ok && pattern.MatchString(value):
		return s, nil
	case ok && !valued:
		return "", fmt.Errorf("the option %s needs a value; write %s=…", name, name)
	case ok:
		return "", fmt.Errorf("%q is no value of the option %s of a tmpfs; see tmpfs(5)", message.Shorten(value), name)
	}
	known := slices.Clone(tmpfsFlags)
	for name := range tmpfsValues {
		known = append(known, name)
	}
	slices.Sort(known)
	hint := message.Suggest(name, known)
	if hint == "" {
		hint = " Those of tmpfs(5) are known, and flags such as noexec, nosuid and ro."
	}
	return "", fmt.Errorf("a tmpfs has no mount option %q.%s", message.Shorten(s), hint)
}
