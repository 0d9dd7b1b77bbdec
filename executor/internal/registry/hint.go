package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/agext/levenshtein"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kukeon/kuke/planner/plan"
)

const (
	// hintTimeout limits a question that only makes a message better.
	hintTimeout = 3 * time.Second
	maxDocument = 4 << 20
	// namedTags is the number of tags in a message.
	namedTags = 5
)

// notFound explains that the registry lacks the repository or the tag.
func (c *Client) notFound(ctx context.Context, a answer) *plan.RegistryFailure {
	repository := fmt.Sprintf("%s has no repository %s", a.host, c.repository)
	if slices.Contains(a.codes, "NAME_UNKNOWN") {
		return failure(plan.RegistryNotFound, repository, "Check the name of the image")
	}
	tag, kind := c.ref.Object, "tag"
	if d := c.ref.Digest(); d != "" {
		tag, kind = d.String(), "image with the digest"
	}
	text := fmt.Sprintf("%s has no %s %s of %s", a.host, kind, tag, c.repository)
	if kind != "tag" {
		return failure(plan.RegistryNotFound, text, "Check the digest")
	}
	tags, status := c.tags(ctx)
	switch near := nearest(tag, tags); {
	case status == http.StatusNotFound:
		return failure(plan.RegistryNotFound, repository, "Check the name of the image")
	case near != "":
		return failure(plan.RegistryNotFound, text, fmt.Sprintf("Did you mean %s", near)+"? Check the tag")
	case len(tags) > namedTags:
		return failure(plan.RegistryNotFound, text, fmt.Sprintf("Check the tag: there are %d others, like %s", len(tags), strings.Join(tags[len(tags)-namedTags:], ", ")))
	case len(tags) > 0:
		return failure(plan.RegistryNotFound, text, "Check the tag: there are "+strings.Join(tags, ", "))
	}
	return failure(plan.RegistryNotFound, text, "Check the name of the image")
}

// nearest returns the tag that is meant by a mistyped one, "" for none.
func nearest(tag string, tags []string) string {
	const maxDistance = 2
	best, at := "", maxDistance+1
	for _, t := range tags {
		if d := levenshtein.Distance(tag, t, nil); d < at && d < len(tag) {
			best, at = t, d
		}
	}
	return best
}

// tags returns the first tags of the repository, and the status of the answer.
func (c *Client) tags(ctx context.Context) (tags []string, status int) {
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	ctx, err := docker.ContextWithRepositoryScope(ctx, c.ref, false)
	if err != nil {
		return nil, 0
	}
	resp, err := c.get(ctx, "/"+c.repository+"/tags/list?n=1000")
	if err != nil {
		return nil, 0
	}
	defer resp.Body.Close()
	var list struct{ Tags []string }
	if resp.StatusCode != http.StatusOK || json.NewDecoder(io.LimitReader(resp.Body, maxDocument)).Decode(&list) != nil {
		return nil, resp.StatusCode
	}
	return list.Tags, resp.StatusCode
}

// itself returns the registry of a list that ends with it. Where hosts.toml has an entry for its address too, that one has the
// certificates and headers.
func itself(hosts []docker.RegistryHost) docker.RegistryHost {
	last := hosts[len(hosts)-1]
	for _, h := range hosts {
		if h.Scheme == last.Scheme && h.Host == last.Host {
			return h
		}
	}
	return last
}

// get asks the registry itself, and not its mirrors. path is that below the path of the API.
func (c *Client) get(ctx context.Context, path string) (*http.Response, error) {
	hosts, err := c.hosts(c.host)
	if err != nil {
		return nil, err
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("%s names no server for %s. Correct it", c.hostsFile(), c.host)
	}
	host := itself(hosts)
	const tries = 2 // without credentials, and with them
	var answers []*http.Response
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, host.Scheme+"://"+host.Host+host.Path+path, nil)
		if err != nil {
			return nil, err
		}
		for key, values := range host.Header {
			req.Header[key] = slices.Clone(values)
		}
		if err := host.Authorizer.Authorize(ctx, req); err != nil {
			return nil, err
		}
		resp, err := host.Client.Do(req)
		if err != nil || resp.StatusCode != http.StatusUnauthorized || len(answers)+1 == tries {
			return resp, err
		}
		_ = resp.Body.Close()
		answers = append(answers, resp)
		if err := host.Authorizer.AddResponses(ctx, answers); err != nil {
			return nil, err
		}
	}
}

// platform explains that the image has no manifest for this platform, and names those that it has.
func (c *Client) platform(ctx context.Context) *plan.RegistryFailure {
	own := platforms.Format(platforms.DefaultSpec())
	has := "no manifest for " + own
	if names := c.platforms(ctx); len(names) > 0 {
		has = fmt.Sprintf("manifests for %s, and none for %s", strings.Join(names, ", "), own)
	}
	return failure(plan.RegistryPlatform, fmt.Sprintf("%s has %s", c.ref, has), "Use an image that is built for this platform")
}

// platforms returns the platforms of the manifests in the index, sorted.
func (c *Client) platforms(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	name, desc, err := c.Resolve(ctx, c.ref.String())
	if err != nil || !images.IsIndexType(desc.MediaType) {
		return nil
	}
	fetcher, err := c.Fetcher(ctx, name)
	if err != nil {
		return nil
	}
	body, err := fetcher.Fetch(ctx, desc)
	if err != nil {
		return nil
	}
	defer body.Close()
	var index ocispec.Index
	if err := json.NewDecoder(io.LimitReader(body, maxDocument)).Decode(&index); err != nil {
		return nil
	}
	var names []string
	for _, m := range index.Manifests {
		if m.Platform != nil && m.Platform.OS != "unknown" { // attestations are of an unknown platform
			names = append(names, platforms.Format(*m.Platform))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
