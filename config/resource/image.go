package resource

import "strings"

// PinnedDigest returns the digest that an image reference in normal form names, or "" where it leaves that to its tag.
func PinnedDigest(reference string) string {
	_, digest, _ := strings.Cut(reference, "@")
	return digest
}
