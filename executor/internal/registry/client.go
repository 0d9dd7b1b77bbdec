package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/containerd/v2/pkg/reference"
)

// HostsDir is the directory in which containerd's own tools find the mirrors and certificates of registries.
const HostsDir = "/etc/containerd/certs.d"

// Client asks the registry of one image, and the mirrors of that registry. It resolves and fetches as containerd's resolver does.
type Client struct {
	remotes.Resolver

	ref reference.Spec
	// host and repository are those of the reference.
	host, repository string
	keys             *Keyring
	hosts            docker.RegistryHosts
	// late reports whether the time for the requests is over: containerd has time limits of its own.
	late func() bool

	mu sync.Mutex
	// used are the credentials that were offered to each host, nil for none. findErr is the reason why there may be none.
	used    map[string]*Credentials
	findErr error
	// failed are the answers that report failures, in their order. tokens are the addresses of servers of tokens.
	failed []answer
	tokens map[string]bool
}

// New returns a client for the image, with the credentials of the keyring. ctx is that of the requests.
func New(ctx context.Context, keys *Keyring, image string) (*Client, error) {
	return newFor(ctx, keys, image, HostsDir)
}

func newFor(ctx context.Context, keys *Keyring, image, hostsDir string) (*Client, error) {
	ref, err := reference.Parse(image)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", image, err)
	}
	c := newClient(ctx, keys, ref.Hostname(), hostsDir)
	c.ref = ref
	c.repository = strings.TrimPrefix(ref.Locator, ref.Hostname()+"/")
	return c, nil
}

func newClient(ctx context.Context, keys *Keyring, host, hostsDir string) *Client {
	c := &Client{host: host, keys: keys, used: map[string]*Credentials{}, tokens: map[string]bool{}}
	c.late = func() bool { return errors.Is(ctx.Err(), context.DeadlineExceeded) }
	c.hosts = config.ConfigureHosts(ctx, config.HostOptions{
		HostDir:     config.HostDirFromRoot(hostsDir),
		Credentials: func(host string) (string, string, error) { return c.credentials(ctx, host) },
		UpdateClient: func(client *http.Client) error {
			if _, ok := client.Transport.(*transport); !ok {
				client.Transport = &transport{base: client.Transport, of: c}
			}
			return nil
		},
	})
	c.Resolver = docker.NewResolver(docker.ResolverOptions{Hosts: c.hosts})
	return c
}

// credentials returns the user name and the secret for a host that asks for them. Where the files can't be read, the host is asked
// without: many images are for everybody.
func (c *Client) credentials(ctx context.Context, host string) (username, secret string, err error) {
	found, err := c.keys.Find(ctx, host, c.repository)
	if found == nil && err == nil && host != c.host && host == c.server() {
		found, err = c.keys.Find(ctx, c.host, c.repository)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.findErr = err
		if errors.As(err, new(givenError)) {
			return "", "", err
		}
		slog.WarnContext(ctx, "could not read the credentials of a registry", "host", host, "error", err)
	}
	c.used[host] = found
	if found == nil {
		return "", "", nil
	}
	slog.DebugContext(ctx, "found the credentials of a registry", "host", host, "user", found.Username, "source", found.Source)
	return found.Username, found.Secret, nil
}

// server returns the host that stands behind the one of the reference: hosts.toml can name another as the server, which gets the
// credentials of the registry. Mirrors don't.
func (c *Client) server() string {
	hosts, err := c.hosts(c.host)
	if err != nil || len(hosts) == 0 {
		return c.host
	}
	return hosts[len(hosts)-1].Host
}

// offered returns the credentials that the host was offered, nil for none. A server of tokens is a host that was offered those of a
// registry.
func (c *Client) offered(host string) *Credentials {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, asked := c.used[host]; asked {
		return found
	}
	for _, found := range c.used {
		if found != nil {
			return found
		}
	}
	return nil
}

// redact removes the secrets from a text of the registry.
func (c *Client) redact(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, found := range c.used {
		if found != nil && found.Secret != "" {
			text = strings.ReplaceAll(text, found.Secret, "(sensitive value)")
		}
	}
	return text
}
