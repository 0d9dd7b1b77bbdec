package validate

import (
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/kukeon/kuke/config/internal/message"
)

// hubNames are further names of Docker Hub.
var hubNames = []string{"https://index.docker.io/v1/", "https://index.docker.io/v1", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}

// normalRegistry reads the address of a registry, with or without the beginning of the names of its repositories.
func normalRegistry(s string) (string, error) {
	for _, name := range hubNames {
		if s == name {
			return "docker.io", nil
		}
	}
	if _, rest, ok := strings.Cut(s, "://"); ok {
		host, _, _ := strings.Cut(rest, "/") // the path is that of the API
		return "", fmt.Errorf("%q has a scheme; write the address as images have it, such as %q", message.Shorten(s), message.Shorten(host))
	}
	host, path, _ := strings.Cut(s, "/")
	host = strings.ToLower(host)
	address := host
	if path != "" {
		address += "/" + path
	}
	named, err := reference.ParseNormalizedNamed(address + "/image")
	if err != nil || reference.Domain(named) != host || !reference.IsNameOnly(named) || strings.HasSuffix(s, "/") {
		return "", fmt.Errorf("%q is not the address of a registry, such as ghcr.io, registry.example.com:5000 or ghcr.io/team", message.Shorten(s))
	}
	return address, nil
}
