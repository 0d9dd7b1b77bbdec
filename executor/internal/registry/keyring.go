package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Credentials are a user name and a password for a registry.
type Credentials struct {
	// Username is empty where Secret is an identity token.
	Username string
	Secret   string
	// Source is the place that they come from: a file, a credential helper or a realm.
	Source string
}

// String hides the secret.
func (c Credentials) String() string { return fmt.Sprintf("%s from %s", c.who(), c.Source) }

// who names the user in a sentence.
func (c Credentials) who() string {
	if c.Username == "" {
		return "an identity token"
	}
	return "user " + c.Username
}

// Given are credentials of the configuration.
type Given struct {
	// Address is the host of the registry with its port, or with the beginning of the names of repositories.
	Address  string
	Username string
	Source   string
	// Password reads the password.
	Password func() (string, error)
}

// Keyring finds the credentials for registries. It reads each file and runs each credential helper at most once for a repository.
// The nil Keyring has no credentials.
type Keyring struct {
	given []Given
	files []*File

	mu    sync.Mutex
	found map[string]finding
}

type finding struct {
	credentials *Credentials
	err         error
}

// NewKeyring returns a keyring with the given credentials, which come before those of the files.
func NewKeyring(given []Given, files []*File) *Keyring {
	return &Keyring{given: given, files: files, found: map[string]finding{}}
}

// givenError is an error about credentials of the configuration: no others may take their place.
type givenError struct{ error }

func (e givenError) Unwrap() error { return e.error }

// Find returns the credentials for a repository of a registry, nil where there are none: the first of those of the realm, of
// Docker's file and of Podman's files. With a path in their address they are for the repositories below it, the longest path first.
func (k *Keyring) Find(ctx context.Context, host, repository string) (*Credentials, error) {
	if k == nil {
		return nil, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := host + "/" + repository
	if f, ok := k.found[key]; ok {
		return f.credentials, f.err
	}
	c, err := k.find(ctx, host, repository)
	if ctx.Err() == nil {
		k.found[key] = finding{c, err}
	}
	return c, err
}

func (k *Keyring) find(ctx context.Context, host, repository string) (*Credentials, error) {
	for _, address := range addresses(host, repository) {
		at := slices.IndexFunc(k.given, func(g Given) bool { return hostOf(g.Address) == address })
		if at < 0 {
			continue
		}
		g := k.given[at]
		password, err := g.Password()
		if err != nil {
			return nil, givenError{fmt.Errorf("%s: %w", g.Source, err)}
		}
		return &Credentials{Username: g.Username, Secret: password, Source: g.Source}, nil
	}
	var failed []error
	for _, f := range k.files {
		c, err := f.find(ctx, host, repository)
		if c != nil {
			return c, nil
		}
		if err != nil {
			failed = append(failed, err)
		}
	}
	return nil, errors.Join(failed...)
}

// Places names the files of the keyring that exist, for messages.
func (k *Keyring) Places() []string {
	if k == nil {
		return nil
	}
	var names []string
	for _, f := range k.files {
		if f.exists() {
			names = append(names, f.Path)
		}
	}
	return names
}

const (
	hub = "docker.io"
	// hubKey is the name of Docker Hub in Docker's files.
	hubKey = "https://index.docker.io/v1/"
)

// Host returns the host of a registry as references name it: Docker Hub has several.
func Host(address string) string {
	host, _, _ := strings.Cut(hostOf(address), "/")
	return host
}

// hostOf returns an address without its scheme, and with one name for Docker Hub.
func hostOf(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		// Addresses with a scheme have the path of the API.
		address, _, _ = strings.Cut(rest, "/")
	}
	host, path, sub := strings.Cut(strings.TrimRight(address, "/"), "/")
	host = strings.ToLower(host)
	switch host {
	case "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com":
		host = hub
	}
	if sub {
		return host + "/" + path
	}
	return host
}

// addresses returns the addresses that credentials for the repository may have, the most special first.
func addresses(host, repository string) []string {
	host = hostOf(host)
	var all []string
	for path := repository; path != ""; {
		all = append(all, host+"/"+path)
		at := strings.LastIndex(path, "/")
		path = path[:max(at, 0)]
	}
	return append(all, host)
}
