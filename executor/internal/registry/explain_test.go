package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/errdefs"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/planner/plan"
)

const (
	jo, password, wrong = "jo", "hunter-2-hunter", "not-the-password"
	manifestType        = "application/vnd.oci.image.manifest.v1+json"
	manifestText        = `{"schemaVersion":2,"mediaType":"` + manifestType + `","config":{},"layers":[]}`
)

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// serve answers the questions for team/web:v1 and its tags, after the check.
func serve(check func(w http.ResponseWriter, r *http.Request) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if check != nil && !check(w, r) {
			return
		}
		switch r.URL.Path {
		case "/v2/", "/v2":
		case "/v2/team/web/manifests/v1", "/v2/team/web/manifests/" + digestOf(manifestText):
			w.Header().Set("Content-Type", manifestType)
			w.Header().Set("Docker-Content-Digest", digestOf(manifestText))
			w.Header().Set("Content-Length", fmt.Sprint(len(manifestText)))
			if r.Method == http.MethodGet {
				fmt.Fprint(w, manifestText)
			}
		case "/v2/team/web/tags/list":
			fmt.Fprint(w, `{"name":"team/web","tags":["v1","stable"]}`)
		default:
			code := "MANIFEST_UNKNOWN"
			if !strings.HasPrefix(r.URL.Path, "/v2/team/web/") {
				code = "NAME_UNKNOWN"
			}
			refuse(w, http.StatusNotFound, code, "it is not here")
		}
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

// basic asks for the password of the user.
func basic(w http.ResponseWriter, r *http.Request) bool {
	if name, given, _ := r.BasicAuth(); name == jo && given == password {
		return true
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
	refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return false
}

// tokens asks for a token, which the server at /token gives for the password, and to nobody else if closed.
func tokens(closed bool) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/token" {
			name, given, sent := r.BasicAuth()
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusNotFound) // as of a server without OAuth
				return false
			}
			switch {
			case sent && (name != jo || given != password):
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, `{"details":"incorrect username or password"}`)
			case sent:
				fmt.Fprint(w, `{"token":"of-jo"}`)
			default:
				fmt.Fprint(w, `{"token":"of-nobody"}`)
			}
			return false
		}
		token := r.Header.Get("Authorization")
		if token == "Bearer of-jo" || !closed && token == "Bearer of-nobody" {
			return true
		}
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		challenge := fmt.Sprintf(`Bearer realm="%s://%s/token",service="test",scope="repository:team/web:pull"`, scheme, r.Host)
		if token != "" {
			challenge += `,error="insufficient_scope"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return false
	}
}

// keys is a keyring with one password for the registry.
func keys(host, secret string) *Keyring {
	return NewKeyring([]Given{{Address: host, Username: jo, Source: "the test", Password: func() (string, error) { return secret, nil }}}, nil)
}

// resolve asks for a tag, and returns the explained error.
func resolve(t *testing.T, k *Keyring, image, hostsDir string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(client.Quiet(context.Background()), 4*time.Second)
	defer cancel()
	c, err := newFor(ctx, k, image, hostsDir)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Resolve(ctx, image)
	return c.Explain(client.Quiet(context.Background()), err)
}

func wantFailure(t *testing.T, err error, cause plan.RegistryCause, texts ...string) {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("error %v, want one of the cause %s", err, cause)
	}
	t.Logf("%s: %s", failed.Title(), failed)
	if failed.Cause != cause || failed.Title() == "" {
		t.Errorf("cause %q with the title %q, want %q", failed.Cause, failed.Title(), cause)
	}
	for _, text := range texts {
		if !strings.Contains(failed.Error(), text) {
			t.Errorf("no %q in %q", text, failed.Error())
		}
	}
	for _, secret := range []string{password, wrong, base64.StdEncoding.EncodeToString([]byte(jo + ":" + password))} {
		if strings.Contains(failed.Error(), secret) {
			t.Errorf("the password is in %q", failed)
		}
	}
}

// TestCauses asks registries that fail in all the ways.
func TestCauses(t *testing.T) {
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	status := func(code int, message string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { refuse(w, code, "X", message) }
	}
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		secret  string // empty for no credentials
		image   string // empty for team/web:v1
		cause   plan.RegistryCause
		texts   []string
	}{
		{name: "open", handler: serve(nil)},
		{name: "basic", handler: serve(basic), secret: password},
		{name: "token", handler: serve(tokens(true)), secret: password},
		{name: "anonymous token", handler: serve(tokens(false))},
		{name: "basic without", handler: serve(basic), cause: plan.RegistryUnauthorized, texts: []string{"team/web", "kuke login 127.0.0.1:"}},
		{name: "token without", handler: serve(tokens(true)), cause: plan.RegistryUnauthorized, texts: []string{"kuke login"}},
		{name: "basic wrong", handler: serve(basic), secret: wrong, cause: plan.RegistryRejected, texts: []string{"user jo from the test"}},
		{name: "token wrong", handler: serve(tokens(true)), secret: wrong, cause: plan.RegistryRejected, texts: []string{"user jo from the test", "incorrect username or password"}},
		{name: "forbidden", handler: status(http.StatusForbidden, "key vault denies"), cause: plan.RegistryDenied, texts: []string{"key vault denies"}},
		{name: "other tag", handler: serve(nil), image: "team/web:v2", cause: plan.RegistryNotFound, texts: []string{"has no tag v2 of team/web", "Did you mean v1"}},
		{name: "other tag with token", handler: serve(tokens(true)), secret: password, image: "team/web:latest", cause: plan.RegistryNotFound, texts: []string{"there are v1, stable"}},
		{name: "other repository", handler: serve(nil), image: "team/wob:v1", cause: plan.RegistryNotFound, texts: []string{"has no repository team/wob"}},
		{name: "other digest", handler: serve(nil), image: "team/web@" + digestOf("x"), cause: plan.RegistryNotFound, texts: []string{"Check the digest"}},
		{name: "broken", handler: status(http.StatusBadGateway, "the storage is down"), cause: plan.RegistryServer, texts: []string{"502 Bad Gateway", "the storage is down"}},
		{name: "broken again", handler: status(http.StatusInternalServerError, "out of disk"), cause: plan.RegistryServer, texts: []string{"500", "out of disk"}},
		{name: "echo of the password", handler: serve(func(w http.ResponseWriter, r *http.Request) bool {
			if _, given, _ := r.BasicAuth(); given != "" {
				refuse(w, http.StatusForbidden, "DENIED", "wrong password "+given)
				return false
			}
			return basic(w, r)
		}), secret: password, cause: plan.RegistryDenied, texts: []string{"wrong password (sensitive value)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(tc.handler)
			defer server.Close()
			host := strings.TrimPrefix(server.URL, "http://")
			var k *Keyring
			if tc.secret != "" {
				k = keys(host, tc.secret)
			}
			image := tc.image
			if image == "" {
				image = "team/web:v1"
			}
			err := resolve(t, k, host+"/"+image, t.TempDir())
			if tc.cause == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFailure(t, err, tc.cause, tc.texts...)
			if (tc.cause == plan.RegistryNotFound) != errdefs.IsNotFound(err) {
				t.Errorf("%v is not found: %v", err, errdefs.IsNotFound(err))
			}
		})
	}
	for _, secret := range []string{password, wrong, "of-jo", base64.StdEncoding.EncodeToString([]byte(jo + ":" + password))} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, log.String())
		}
	}
}

// TestBusy asks a registry that is asked too often: once more where it says when, and never sooner.
func TestBusy(t *testing.T) {
	for _, tc := range []struct {
		after string
		busy  int32 // questions with that answer
		cause plan.RegistryCause
		asked int32
		texts []string
	}{
		{after: "1", busy: 1, asked: 2},
		{after: "3600", busy: 100, asked: 2, cause: plan.RegistryTooManyRequests, texts: []string{"You have reached your pull rate limit", "Try again in 1h0m0s", "kuke login"}},
		{after: "", busy: 100, asked: 2, cause: plan.RegistryTooManyRequests, texts: []string{"You have reached your pull rate limit", "Try again later"}},
	} {
		t.Run("after "+tc.after, func(t *testing.T) {
			var asked atomic.Int32
			server := httptest.NewServer(serve(func(w http.ResponseWriter, _ *http.Request) bool {
				if asked.Add(1) > tc.busy {
					return true
				}
				if tc.after != "" {
					w.Header().Set("Retry-After", tc.after)
				}
				refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "You have reached your pull rate limit.")
				return false
			}))
			defer server.Close()
			err := resolve(t, nil, strings.TrimPrefix(server.URL, "http://")+"/team/web:v1", t.TempDir())
			if tc.cause == "" {
				if err != nil {
					t.Error(err)
				}
			} else {
				wantFailure(t, err, tc.cause, tc.texts...)
			}
			// The second question of a refused client is the one for the registry's words.
			if asked.Load() != tc.asked {
				t.Errorf("the registry was asked %d times, want %d", asked.Load(), tc.asked)
			}
		})
	}
}

// TestConnections asks hosts that do not answer as a registry does.
func TestConnections(t *testing.T) {
	secure := httptest.NewTLSServer(serve(basic))
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	plain := httptest.NewServer(serve(nil))
	defer plain.Close()
	stalled := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer stalled.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	closed.Close()
	address := func(s *httptest.Server) string { return s.Listener.Addr().String() }

	wantFailure(t, resolve(t, nil, nobody+"/team/web:v1", t.TempDir()), plan.RegistryRefused, "nothing listens at "+nobody)
	wantFailure(t, resolve(t, nil, "nowhere.invalid/team/web:v1", t.TempDir()), plan.RegistryDNS, "nowhere.invalid")
	wantFailure(t, resolve(t, nil, address(stalled)+"/team/web:v1", t.TempDir()), plan.RegistryTimeout, address(stalled))

	// By a name, the registry has to speak HTTPS with a certificate of a known authority. hosts.toml leads to the server here.
	dir := t.TempDir()
	hosts := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "hosts.toml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	hosts("tls.test", fmt.Sprintf("server = \"https://%s\"\n", address(secure)))
	wantFailure(t, resolve(t, nil, "tls.test/team/web:v1", dir), plan.RegistryCertificate, "an authority that this host doesn't know", "hosts.toml")
	hosts("plain.test", fmt.Sprintf("server = \"https://%s\"\n", address(plain)))
	wantFailure(t, resolve(t, nil, "plain.test/team/web:v1", dir), plan.RegistryPlainHTTP, "speaks plain HTTP")

	// The authority of hosts.toml makes the certificate a known one, and the credentials go there. _default is for all others.
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	hosts("tls.test", fmt.Sprintf("server = \"https://%s\"\nca = %q\n", address(secure), ca))
	wantFailure(t, resolve(t, nil, "tls.test/team/web:v1", dir), plan.RegistryUnauthorized)
	if err := resolve(t, keys(address(secure), password), "tls.test/team/web:v1", dir); err != nil {
		t.Error(err)
	}
	if err := resolve(t, keys("tls.test", password), "tls.test/team/web:v1", dir); err != nil {
		t.Errorf("the credentials of the registry are not those of the server of hosts.toml: %v", err)
	}
	// An entry for the server itself holds the authority too.
	hosts("entry.test", fmt.Sprintf("server = \"https://%[1]s\"\n[host.\"https://%[1]s\"]\n  ca = %[2]q\n", address(secure), ca))
	if err := verify(t.Context(), "entry.test", Credentials{Username: jo, Secret: password}, dir); err != nil {
		t.Error(err)
	}
	hosts("_default", fmt.Sprintf("server = \"https://%s\"\nca = %q\n", address(secure), ca))
	if err := resolve(t, keys(address(secure), password), "other.test/team/web:v1", dir); err != nil {
		t.Error(err)
	}
	// A mirror is asked first, and the registry itself where the mirror fails.
	hosts("mirrored.test", fmt.Sprintf("server = \"http://%s\"\n[host.\"http://%s\"]\n  capabilities = [\"pull\", \"resolve\"]\n", address(plain), nobody))
	if err := resolve(t, nil, "mirrored.test/team/web:v1", dir); err != nil {
		t.Error(err)
	}
	// The name in the certificate counts.
	hosts("named.test", fmt.Sprintf("server = \"https://localhost:%d\"\nca = %q\n", secure.Listener.Addr().(*net.TCPAddr).Port, ca))
	wantFailure(t, resolve(t, nil, "named.test/team/web:v1", dir), plan.RegistryCertificate, "and not for localhost", "example.com")
}

// TestRedirects sends a client to another host, which must see no password and no token.
func TestRedirects(t *testing.T) {
	var seen atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		if r.Header.Get("Authorization") != "" || strings.Contains(body.String(), password) {
			seen.Add(1)
		}
		serve(nil)(w, r)
	}))
	defer other.Close()
	otherURL := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	registry := httptest.NewServer(serve(func(w http.ResponseWriter, r *http.Request) bool {
		if basic(w, r) {
			http.Redirect(w, r, otherURL+r.URL.Path, http.StatusTemporaryRedirect)
		}
		return false
	}))
	defer registry.Close()
	host := registry.Listener.Addr().String()
	if err := resolve(t, keys(host, password), host+"/team/web:v1", t.TempDir()); err != nil {
		t.Error(err)
	}
	// A server of tokens gets the password in a form, which Go sends again to any host.
	tokened := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			http.Redirect(w, r, otherURL+"/token", http.StatusTemporaryRedirect)
			return
		}
		tokens(true)(w, r)
	}))
	defer tokened.Close()
	host = tokened.Listener.Addr().String()
	err := resolve(t, keys(host, password), host+"/team/web:v1", t.TempDir())
	wantFailure(t, err, plan.RegistryOther, "may not see the credentials")
	if seen.Load() > 0 {
		t.Errorf("the other host has seen the credentials %d times", seen.Load())
	}
}

// TestOthersErrors keeps the errors of this host as they are: a pull also writes to containerd.
func TestOthersErrors(t *testing.T) {
	ctx := context.Background()
	c, err := newFor(ctx, nil, "registry.test/team/web:v1", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range []error{
		nil, context.Canceled, errors.New("no space left on device"), fmt.Errorf("snapshot: %w", errdefs.ErrNotFound),
		fmt.Errorf("containerd gave no answer: %w", context.DeadlineExceeded),
	} {
		if got := c.Explain(ctx, own); got != own {
			t.Errorf("%v became %v", own, got)
		}
	}
}
