package plan

import "github.com/kukeon/kuke/config/resource"

// ImageKey names an image in a containerd namespace.
type ImageKey struct{ Namespace, Reference string }

// ImageStatus tells whether an image is available.
type ImageStatus struct {
	// Local is the digest of the image's manifest or index in the namespace; empty where it has none. A reference that
	// names a digest is the image with that digest there, under any name.
	Local string
	// Remote is the digest in the registry, where that was asked: for images that the namespace has not, and for those
	// that are always pulled.
	Remote string
	// Err is the error of asking the registry.
	Err string
}

// Image is an image that the plan needs in a containerd namespace.
type Image struct {
	Namespace string `json:"namespace"`
	Reference string `json:"reference"`
	Digest    string `json:"digest"`
	// Pull says that the namespace does not have it yet.
	Pull bool `json:"pull,omitempty"`
}

// ImageAttribute is the name of the attribute that a container's image reference is.
const ImageAttribute = "image"

// ImageKey returns the image that the container of c will have.
func (c *Change) ImageKey() ImageKey {
	return ImageKey{c.After.Status.Namespace, c.After.Spec.(*resource.Container).Image}
}

// RenamesImage reports whether c leaves the container as it is, and gives it another reference for its image.
func (c *Change) RenamesImage() bool {
	if c.Action != Update {
		return false
	}
	before, ok := c.Before.Spec.(*resource.Container)
	return ok && before.Image != c.After.Spec.(*resource.Container).Image
}
