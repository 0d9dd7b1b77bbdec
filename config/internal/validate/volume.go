package validate

import (
	"fmt"
	"path"
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// normalVolume takes the name of a volume, or a path of one that may leave out names from the realm down.
func normalVolume(s string) (string, error) {
	if !strings.Contains(s, "/") {
		name := strings.TrimPrefix(s, "@")
		if err := resource.CheckVolumeName(name); err != nil {
			return "", fmt.Errorf("%w.%s", err, SuggestName(name))
		}
		return name, nil
	}
	p, err := resource.ParsePath(s)
	if err != nil {
		return "", err
	}
	if !p.IsVolume() {
		return "", fmt.Errorf("%q is the path of a %s; the name of a volume in a path begins with @, such as %q", message.Shorten(s), p.Kind().Lower(), p.Parent().Volume(p.Name()))
	}
	return s, nil
}

// normalSubpath takes a relative path that stays where it begins.
func normalSubpath(s string) (string, error) {
	clean := path.Clean(s)
	if strings.HasPrefix(s, "/") || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsRune(s, 0) {
		return "", fmt.Errorf("%q is no path within the volume; write one such as %q, without .. and without a leading /", message.Shorten(s), "uploads/images")
	}
	if clean == "." {
		return "", nil
	}
	return clean, nil
}
