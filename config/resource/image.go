package resource

import "strings"

// PinnedDigest returns the digest in an image reference in normal form, or "" where it has only a tag.
func PinnedDigest(reference string) string {
	_, digest, _ := strings.Cut(reference, "@")
	return digest
}
