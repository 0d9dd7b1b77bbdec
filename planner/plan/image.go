package plan

import (
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/config/resource"
)

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
	// Failure is the failure of the registry that was asked; nil for none. With [RegistryPlatform], Remote is set too.
	Failure *RegistryFailure
	// Config is the config of the image that containers are made from: of Remote where it is asked for and differs from Local, else
	// of Local. It is nil where it could not be read.
	Config *ImageConfig
	// Foreign is the platform of that image where this host can't run its programs, as linux/arm64.
	Foreign string
}

// ImageConfig is the part of an image's config that planning depends on.
type ImageConfig struct {
	Platform ocispec.Platform
	// User is the user that the image's processes run as, as a Dockerfile's USER names it; empty for root.
	User string
	// Volumes are the absolute paths that the image declares by VOLUME, sorted.
	Volumes []string
	// Ports are those that the image declares by EXPOSE, as 80/tcp, sorted.
	Ports []string
	// Healthcheck is nil where the image has none.
	Healthcheck *ImageHealthcheck
}

// ImageHealthcheck is the HEALTHCHECK of an image, as Docker writes it into the image's config: a zero value is Docker's default.
type ImageHealthcheck struct {
	// Test begins with NONE, CMD or CMD-SHELL.
	Test                                          []string
	Interval, Timeout, StartPeriod, StartInterval time.Duration
	// Retries is the number of failed checks in a row that make a container unhealthy.
	Retries int64
}

// The defaults of Docker for a HEALTHCHECK.
const (
	dockerCheckInterval      = 30 * time.Second
	dockerCheckRetries       = 3
	dockerCheckStartInterval = 5 * time.Second
)

// longestCheck is the maximum of the times of a healthcheck.
const longestCheck = 24 * time.Hour

// Check returns the check as kuke carries it out, nil where the image disables that of the image that it was made from, or where
// its form is unknown. Fractions of a second are rounded up.
func (h *ImageHealthcheck) Check() *resource.Healthcheck {
	if h == nil || len(h.Test) < 2 {
		return nil
	}
	check := &resource.Healthcheck{
		IntervalSeconds: seconds(h.Interval, dockerCheckInterval), TimeoutSeconds: seconds(h.Timeout, dockerCheckInterval),
		Retries: min(max(h.Retries, 0), mostRetries), StartPeriodSeconds: seconds(h.StartPeriod, 0),
		StartIntervalSeconds: seconds(h.StartInterval, dockerCheckStartInterval),
	}
	if check.Retries == 0 {
		check.Retries = dockerCheckRetries
	}
	switch h.Test[0] {
	case "CMD":
		check.Exec = h.Test[1:]
	case "CMD-SHELL":
		check.Exec = []string{"/bin/sh", "-c", h.Test[1]}
	default:
		return nil
	}
	return check
}

// mostRetries is the maximum of the retries of a healthcheck.
const mostRetries = 1000

// seconds returns d in seconds, and instead of it where it is not positive.
func seconds(d, instead time.Duration) int64 {
	if d <= 0 {
		d = instead
	}
	return int64((min(d, longestCheck) + time.Second - 1) / time.Second)
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
