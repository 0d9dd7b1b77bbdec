// Package registry talks to registries of images: it finds the credentials for them, and tells why a registry gave no image.
//
// Credentials come from the registryCredentials of the realm, and from the files in which Docker and Podman keep theirs: see
// [Keyring.Find]. A password leaves the package only in requests to the registry that it is for, or to the server of tokens that
// this registry names. No error and no line of the log holds one.
package registry
