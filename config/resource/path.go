package resource

import (
	"fmt"
	"strings"
)

// MaxNameLength is the longest name a resource may have, in bytes: the limit of a DNS label (RFC 1123).
const MaxNameLength = 63

// NamePattern matches the names of resources, for users that can't call [CheckName]. It leaves their length to
// [MaxNameLength].
const NamePattern = `^[a-z0-9]+(-[a-z0-9]+)*$`

// Path is the one name of a resource: the names from the realm down, joined by "/".
// Its depth gives the kind: "main" is a realm, "main/default/blog/web/nginx" a container. Where the last name begins with "@", it
// is a volume: "main/default/blog/@data".
// A Path made by [ParsePath] or [Path.Join] from valid names is valid.
type Path string

// ParsePath checks s and returns it as a Path. The error cites the wrong name and describes a right one.
func ParsePath(s string) (Path, error) {
	if s == "" {
		return "", fmt.Errorf("the path is empty: write realm/space/stack/cell/container, as deep as needed")
	}
	names := strings.Split(s, "/")
	if len(names) > len(Kinds) {
		return "", fmt.Errorf("path %q has %d names: the deepest is realm/space/stack/cell/container", abbreviate(s), len(names))
	}
	for i, name := range names {
		check := CheckName
		if volume, ok := strings.CutPrefix(name, volumePrefix); ok && i == len(names)-1 {
			if i == 0 || i > len(volumeParents) {
				return "", fmt.Errorf("path %q: a volume is in a realm, a space or a stack, as in realm/space/stack/@volume", abbreviate(s))
			}
			check, name = CheckVolumeName, volume
		}
		if err := check(name); err != nil {
			return "", fmt.Errorf("path %q: %w", abbreviate(s), err)
		}
	}
	return Path(s), nil
}

// CheckName returns nil when s may name a resource: [a-z0-9] and single inner "-", 1 to 63 characters.
func CheckName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("a name is empty")
	case len(s) > MaxNameLength:
		return fmt.Errorf("name %q has %d characters: at most %d are allowed", abbreviate(s), len(s), MaxNameLength)
	case strings.HasPrefix(s, "-") || strings.HasSuffix(s, "-") || strings.Contains(s, "--"):
		return fmt.Errorf("name %q: \"-\" may only stand alone between two other characters", s)
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return fmt.Errorf("name %q contains %q: use lower-case letters, digits and single inner \"-\"", s, r)
		}
	}
	return nil
}

func abbreviate(s string) string {
	const keep = 40
	if len(s) <= 2*keep {
		return s
	}
	return s[:keep] + "…" + s[len(s)-keep/2:]
}

// Join returns the path of p's child called name, a level: see [Path.Volume]. Join of the empty path is the realm called name.
func (p Path) Join(name string) Path {
	if p == "" {
		return Path(name)
	}
	return p + "/" + Path(name)
}

// Parent returns the path above p, or the empty path for a realm.
func (p Path) Parent() Path {
	if i := strings.LastIndexByte(string(p), '/'); i >= 0 {
		return p[:i]
	}
	return ""
}

// Name returns the last name of p, that of a volume without its "@".
func (p Path) Name() string {
	return strings.TrimPrefix(string(p[strings.LastIndexByte(string(p), '/')+1:]), volumePrefix)
}

// Names returns the names of p from the realm down, that of a volume with its "@".
func (p Path) Names() []string {
	if p == "" {
		return nil
	}
	return strings.Split(string(p), "/")
}

// Depth returns the number of names in p: 1 for a realm to 5 for a container, 0 for the empty path, and for a volume one more than
// that of its parent.
func (p Path) Depth() int {
	if p == "" {
		return 0
	}
	return strings.Count(string(p), "/") + 1
}

// Kind returns the kind of the resource at p. It panics on the empty path and on paths that [ParsePath] refuses as too deep.
func (p Path) Kind() Kind {
	if p.IsVolume() {
		return KindVolume
	}
	return Kinds[p.Depth()-1]
}

// Realm returns the realm at or above p.
func (p Path) Realm() Path {
	if i := strings.IndexByte(string(p), '/'); i >= 0 {
		return p[:i]
	}
	return p
}

// Space returns the space at or above p; p is neither a realm nor a volume of one.
func (p Path) Space() Path {
	for p.Depth() > KindSpace.Depth() {
		p = p.Parent()
	}
	return p
}

// Contains reports whether other is p or a descendant of p.
func (p Path) Contains(other Path) bool {
	return other == p || strings.HasPrefix(string(other), string(p)+"/")
}

// ComparePaths orders paths so that a parent precedes its descendants immediately. It returns -1, 0 or +1.
func ComparePaths(a, b Path) int {
	return strings.Compare(strings.ReplaceAll(string(a), "/", "\x00"), strings.ReplaceAll(string(b), "/", "\x00"))
}
