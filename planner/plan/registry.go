package plan

// RegistryCause is the cause of a registry's failure to give an image.
type RegistryCause string

// The causes.
const (
	// RegistryUnauthorized: the registry asks for credentials, and there are none for it.
	RegistryUnauthorized RegistryCause = "unauthorized"
	// RegistryRejected: the registry rejects the credentials.
	RegistryRejected RegistryCause = "rejected"
	// RegistryDenied: the registry knows the user, who may not have the image.
	RegistryDenied RegistryCause = "denied"
	// RegistryCredentials: the credentials that the configuration names can't be read.
	RegistryCredentials RegistryCause = "credentials"
	RegistryNotFound    RegistryCause = "not-found"
	// RegistryPlatform: the image has no manifest for this platform.
	RegistryPlatform        RegistryCause = "platform"
	RegistryTooManyRequests RegistryCause = "too-many-requests"
	RegistryCertificate     RegistryCause = "certificate"
	// RegistryPlainHTTP: the registry speaks HTTP where HTTPS is expected.
	RegistryPlainHTTP   RegistryCause = "plain-http"
	RegistryDNS         RegistryCause = "dns"
	RegistryRefused     RegistryCause = "refused"
	RegistryUnreachable RegistryCause = "unreachable"
	RegistryTimeout     RegistryCause = "timeout"
	// RegistryMediaType: the image has a format that containerd can't read.
	RegistryMediaType RegistryCause = "media-type"
	// RegistryServer: the registry answers with an error of its own.
	RegistryServer RegistryCause = "server"
	RegistryOther  RegistryCause = "other"
)

// RegistryFailure is the reason why a registry gave no image. It holds no password and no token.
type RegistryFailure struct {
	Cause RegistryCause
	// Text is the reason, in lower case and without a full stop. Remedy is one sentence or more, without the last full stop.
	Text, Remedy string
}

var registryTitles = map[RegistryCause]string{
	RegistryUnauthorized:    "Registry requires credentials",
	RegistryRejected:        "Registry rejects the credentials",
	RegistryDenied:          "Registry denies access to the image",
	RegistryCredentials:     "Registry credentials can't be read",
	RegistryNotFound:        "Image not found",
	RegistryPlatform:        "Image not available for this platform",
	RegistryTooManyRequests: "Rate limit of the registry reached",
	RegistryCertificate:     "Certificate of the registry not trusted",
	RegistryPlainHTTP:       "Registry speaks plain HTTP",
	RegistryDNS:             "Name of the registry not resolved",
	RegistryRefused:         "Registry refuses the connection",
	RegistryUnreachable:     "Registry not reachable",
	RegistryTimeout:         "Registry does not answer",
	RegistryMediaType:       "Image format not supported",
	RegistryServer:          "Registry fails",
	RegistryOther:           "Image can't be pulled",
}

// Title returns the title of a diagnostic about the failure.
func (f *RegistryFailure) Title() string { return registryTitles[f.Cause] }

// Error implements error.
func (f *RegistryFailure) Error() string {
	if f.Remedy == "" {
		return f.Text
	}
	return f.Text + ". " + f.Remedy
}
