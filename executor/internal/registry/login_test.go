package registry

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kukeon/kuke/executor/internal/client"
	"github.com/kukeon/kuke/planner/plan"
)

func TestVerify(t *testing.T) {
	ctx := client.Quiet(context.Background())
	for _, tc := range []struct {
		name   string
		server *httptest.Server
	}{{"basic", httptest.NewServer(serve(basic))}, {"token", httptest.NewServer(serve(tokens(true)))}} {
		defer tc.server.Close()
		host := tc.server.Listener.Addr().String()
		if err := verify(ctx, host, Credentials{Username: jo, Secret: password}, t.TempDir()); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		wantFailure(t, verify(ctx, host, Credentials{Username: jo, Secret: wrong}, t.TempDir()), plan.RegistryRejected, "rejects the user name jo or the password")
	}
	page := httptest.NewServer(serve(nil))
	page.Close()
	wantFailure(t, verify(ctx, page.Listener.Addr().String(), Credentials{Username: jo, Secret: password}, t.TempDir()), plan.RegistryRefused)
}

// TestStore stores credentials and removes them again: in the file, and with a helper.
func TestStore(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	owner := currentOwner()
	owner.Home = dir
	real := filepath.Join(dir, "real", "config.json")
	link := filepath.Join(dir, ".docker", "config.json")
	put := func(host string, c *Credentials) string {
		t.Helper()
		place, err := store(ctx, link, owner, host, c)
		if err != nil {
			t.Fatal(err)
		}
		return place
	}
	find := func(host string) *Credentials {
		t.Helper()
		c, err := NewFile(link, owner).find(ctx, host, "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	write(t, real, `{"HttpHeaders":{"X":"1"},"auths":{"other.test":{"auth":"YTpi","email":"a@b"},"https://same.test/v1/":{"auth":"YTpi"}},"credHelpers":{"helped.test":"shelf"}}`, 0o644)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	put("same.test", &Credentials{Username: jo, Secret: "a:b"})
	put(hub, &Credentials{Username: "h", Secret: "p"})
	if c := find("same.test"); c == nil || c.Username != jo || c.Secret != "a:b" {
		t.Errorf("found %v", c)
	}
	if c := find("registry-1.docker.io"); c == nil || c.Username != "h" {
		t.Errorf("found %v", c)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	data, err := os.ReadFile(real)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		HTTPHeaders map[string]string `json:"HttpHeaders"`
		Auths       map[string]map[string]string
	}
	if err := json.Unmarshal(data, &got); err != nil || got.HTTPHeaders["X"] != "1" || got.Auths["other.test"]["email"] != "a@b" || got.Auths["https://same.test/v1/"] != nil || got.Auths[hubKey] == nil {
		t.Errorf("%v:\n%s", err, data)
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	putHelper(t, "shelf", `case $1 in store) cat >"$HOME/shelf";; get) cat "$HOME/shelf" || { echo "credentials not found in native keychain"; exit 1; };; erase) rm "$HOME/shelf";; esac`)
	if place := put("helped.test", &Credentials{Username: jo, Secret: password}); !strings.Contains(place, "docker-credential-shelf") {
		t.Errorf("stored in %s", place)
	}
	if data, err := os.ReadFile(real); err != nil || strings.Contains(string(data), password) {
		t.Errorf("%v:\n%s", err, data)
	}
	if c := find("helped.test"); c == nil || c.Secret != password {
		t.Errorf("found %v", c)
	}
	for _, host := range []string{"helped.test", "same.test", hub} {
		put(host, nil)
		if c := find(host); c != nil {
			t.Errorf("%s still has %v", host, c)
		}
	}
	if find("other.test") == nil {
		t.Error("the credentials of another registry are gone")
	}
	broken := write(t, filepath.Join(dir, "broken.json"), "[]", 0o600)
	if _, err := store(ctx, broken, owner, hub, &Credentials{Username: jo, Secret: password}); err == nil || !strings.Contains(err.Error(), "is no configuration of Docker") || strings.Contains(err.Error(), password) {
		t.Errorf("error %v", err)
	}
	if data, err := os.ReadFile(broken); err != nil || string(data) != "[]" {
		t.Errorf("the broken file is %q, %v", data, err)
	}
}
