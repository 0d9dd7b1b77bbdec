package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/containerd/containerd/v2/core/remotes/docker/auth"
)

const (
	// A registry that is asked too often is asked again as many times, if it says when and that is soon.
	maxWaits = 2
	maxWait  = 10 * time.Second

	maxBody = 64 << 10
	// maxMessage is the maximum length of the words of a registry in a message, in characters.
	maxMessage = 300
)

// answer is a response that reports a failure.
type answer struct {
	host   string
	status int
	// codes are those of the registry, like MANIFEST_UNKNOWN, and message are its words.
	codes      []string
	message    string
	retryAfter time.Duration
	// token says that it is of the server of tokens, basic that the request had a password.
	token, basic bool
}

// transport notes the failures that a registry reports, waits where it asks for that, and keeps credentials from other hosts.
type transport struct {
	base http.RoundTripper
	of   *Client
}

// busyError ends the requests to a registry that is asked too often: containerd would repeat them at once.
type busyError struct{ answer }

func (e *busyError) Error() string { return fmt.Sprintf("%s answers %s", e.host, statusText(e.status)) }

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	req, err := guard(req)
	if err != nil {
		return nil, err
	}
	for waited := 0; ; waited++ {
		resp, err := t.base.RoundTrip(req)
		if err != nil || resp.StatusCode < http.StatusBadRequest {
			return resp, err
		}
		wait := retryAfter(resp, time.Now())
		if resp.StatusCode != http.StatusTooManyRequests || waited == maxWaits || req.Body != nil || !worthWaiting(req.Context(), wait) {
			return t.note(req, resp)
		}
		_ = resp.Body.Close()
		select {
		case <-req.Context().Done():
			return nil, req.Context().Err()
		case <-time.After(wait):
		}
	}
}

// guard keeps the credentials of a request that another host has redirected from going there: Go sends them to subdomains, and sends
// a form to any host.
func guard(req *http.Request) (*http.Request, error) {
	if req.Response == nil || req.Response.Request == nil {
		return req, nil
	}
	from := req.Response.Request
	if from.URL.Host == req.URL.Host && (from.URL.Scheme == req.URL.Scheme || req.URL.Scheme == "https") {
		return req, nil
	}
	const form = "application/x-www-form-urlencoded"
	if strings.HasPrefix(req.Header.Get("Content-Type"), form) {
		return nil, fmt.Errorf("%s redirects the request for a token to %s, which may not see the credentials", from.URL.Host, req.URL.Host)
	}
	header := req.Header.Get("Authorization")
	if header == "" || header != from.Header.Get("Authorization") {
		return req, nil
	}
	req = req.Clone(req.Context())
	req.Header.Del("Authorization")
	return req, nil
}

func worthWaiting(ctx context.Context, wait time.Duration) bool {
	if wait <= 0 || wait > maxWait {
		return false
	}
	deadline, ok := ctx.Deadline()
	return !ok || time.Until(deadline) > wait
}

// retryAfter returns the time after which the registry wants to be asked again, 0 where it tells none.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// note keeps the answer for the error, and returns the response with the whole body.
func (t *transport) note(req *http.Request, resp *http.Response) (*http.Response, error) {
	a := answer{host: req.URL.Host, status: resp.StatusCode, retryAfter: retryAfter(resp, time.Now())}
	a.basic = strings.HasPrefix(strings.ToLower(req.Header.Get("Authorization")), "basic ")
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if req.Method == http.MethodHead && (a.status == http.StatusNotFound || a.status == http.StatusTooManyRequests || a.status >= http.StatusInternalServerError) {
		body = t.bodyOf(req)
	}
	a.codes, a.message = parseMessage(body)
	c := t.of
	c.mu.Lock()
	a.token = c.tokens[place(req.URL)]
	for _, challenge := range auth.ParseAuthHeader(resp.Header) {
		if realm, err := url.Parse(challenge.Parameters["realm"]); err == nil && challenge.Scheme == auth.BearerAuth {
			c.tokens[place(realm)] = true
		}
	}
	c.failed = append(c.failed, a)
	c.mu.Unlock()
	if a.status == http.StatusTooManyRequests {
		_ = resp.Body.Close()
		return nil, &busyError{a}
	}
	return resp, nil
}

// place returns an address without its query.
func place(u *url.URL) string { return u.Scheme + "://" + u.Host + u.Path }

// bodyOf asks again for the words of the registry: the answer to HEAD has none.
func (t *transport) bodyOf(head *http.Request) []byte {
	get := head.Clone(head.Context())
	get.Method = http.MethodGet
	resp, err := t.base.RoundTrip(get)
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	if resp.StatusCode < http.StatusBadRequest {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return body
}

// parseMessage reads the words of a registry or of a server of tokens: a JSON document of the distribution API or of Docker Hub, or
// a line of text.
func parseMessage(body []byte) (codes []string, message string) {
	var document struct {
		Errors []struct{ Code, Message string }
		// Details, Message and Description are those of servers of tokens.
		Details, Message string
		Description      string `json:"error_description"`
	}
	text := string(body)
	if err := json.Unmarshal(body, &document); err == nil {
		text = document.Details + document.Message + document.Description
		for _, e := range document.Errors {
			if e.Code != "" {
				codes = append(codes, e.Code)
			}
			if text == "" {
				text = e.Message
			}
		}
		if text == "" && len(codes) > 0 {
			text = codes[0]
		}
	} else if strings.HasPrefix(strings.TrimSpace(text), "<") || strings.HasPrefix(strings.TrimSpace(text), "{") {
		return nil, "" // a page for browsers
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > maxMessage {
		text = string(runes[:maxMessage]) + "…"
	}
	return codes, strings.TrimRight(text, ".")
}

func statusText(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}
