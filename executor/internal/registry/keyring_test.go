package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func basicAuth(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}

func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// putHelper puts a credential helper into PATH, which knows one registry and notes its environment.
func putHelper(t *testing.T, name, script string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "docker-credential-"+name), "#!/bin/sh\n"+script, 0o755)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DATABASE_PASSWORD", "must-not-be-seen")
	putHelper(t, "one", `read key; env >"$HOME/env"; case $key in
helped.test) echo '{"Username":"h","Secret":"s"}';;
token.test) echo '{"Username":"<token>","Secret":"t"}';;
broken.test) echo "the vault is locked"; exit 1;;
*) echo "credentials not found in native keychain"; exit 1;;
esac`)
	owner := currentOwner()
	owner.Home = dir
	docker := NewFile(write(t, filepath.Join(dir, "config.json"), fmt.Sprintf(`{"credHelpers":{"helped.test":"one","token.test":"one","broken.test":"one","gone.test":"gone","odd.test":"../odd"},
"auths":{"https://index.docker.io/v1/":{"auth":%q},"https://old.test/v1/":{"auth":%q},"id.test":{"auth":%q,"identitytoken":"idt"},"bad.test":{"auth":"!"},"helped.test":{},"named.test":{"username":"n","password":"p"}}}`,
		basicAuth("hub", "hp"), basicAuth("old", "op"), basicAuth("x", "")), 0o600), owner)
	podman := NewFile(write(t, filepath.Join(dir, "auth.json"), fmt.Sprintf(`{"auths":{"pod.test":{"auth":%q},"pod.test/team":{"auth":%q},"pod.test/team/web":{"auth":%q},"docker.io/team":{"auth":%q},"gone.test":{"auth":%q}}}`,
		basicAuth("all", "1"), basicAuth("team", "2"), basicAuth("web", "3"), basicAuth("hubteam", "4"), basicAuth("gone", "5")), 0o600), owner)
	broken := NewFile(write(t, filepath.Join(dir, "broken.json"), "{", 0o600), owner)
	missing := NewFile(filepath.Join(dir, "config.json", "auth.json"), owner)
	given := []Given{
		{Address: "realm.test", Username: "r", Source: "the realm", Password: func() (string, error) { return "rp", nil }},
		{Address: "realm.test/unset", Username: "r", Source: "the realm", Password: func() (string, error) { return "", errors.New("it is not set") }},
	}
	k := NewKeyring(given, []*File{missing, docker, podman, broken})
	for _, tc := range []struct{ host, repository, want, failure string }{
		{"registry-1.docker.io", "library/busybox", "hub:hp", ""},
		{"docker.io", "team/web", "hub:hp", ""}, // Docker's file comes first
		{"old.test", "a", "old:op", ""},
		{"id.test", "a", ":idt", ""},
		{"named.test", "a", "n:p", ""},
		{"helped.test", "a", "h:s", ""},
		{"token.test", "a", ":t", ""},
		{"pod.test", "team/web", "web:3", ""},
		{"POD.test", "team/other", "team:2", ""},
		{"pod.test", "teams/web", "all:1", ""},
		{"pod.test:5000", "teams/web", "", "broken.json is no configuration of Docker"},
		{"gone.test", "a", "gone:5", ""}, // another file has them
		{"broken.test", "a", "", "docker-credential-one"},
		{"odd.test", "a", "", "no name of a credential helper"},
		{"bad.test", "a", "", `the entry "bad.test": auth is not in base64. Log in again: kuke login bad.test`},
		{"realm.test", "a", "r:rp", ""},
		{"realm.test", "unset/a", "", "the realm: it is not set"},
	} {
		c, err := k.Find(context.Background(), tc.host, tc.repository)
		got := ""
		if c != nil {
			got = c.Username + ":" + c.Secret
			if text := fmt.Sprint(c); c.Source == "" || strings.Contains(text, c.Secret) && len(c.Secret) > 1 {
				t.Errorf("%s/%s: %s", tc.host, tc.repository, text)
			}
		}
		if got != tc.want || tc.failure == "" && tc.want == "" || tc.want == "" && !strings.Contains(fmt.Sprint(err), tc.failure) {
			t.Errorf("%s/%s: %q, %v", tc.host, tc.repository, got, err)
		}
	}
	if _, err := k.Find(context.Background(), "broken.test", "a"); err == nil || !strings.Contains(err.Error(), "the vault is locked") {
		t.Errorf("the words of the helper are missing: %v", err)
	}
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil || strings.Contains(string(env), "must-not-be-seen") || !strings.Contains(string(env), "HOME="+dir) {
		t.Errorf("the helper has seen %s, %v", env, err)
	}
	gone := NewKeyring(nil, []*File{docker})
	if _, err := gone.Find(context.Background(), "gone.test", "a"); err == nil || !strings.Contains(err.Error(), "docker-credential-gone, which "+docker.Path+" names, is not in PATH") {
		t.Errorf("error %v", err)
	}
}

// TestFiles looks for the files of both users of sudo.
func TestFiles(t *testing.T) {
	t.Setenv("HOME", "/home/self")
	t.Setenv("DOCKER_CONFIG", "")
	t.Setenv("REGISTRY_AUTH_FILE", "")
	t.Setenv("XDG_RUNTIME_DIR", "/run/me")
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("SUDO_USER", "nobody")
	var paths []string
	for _, f := range Files() {
		paths = append(paths, f.Path)
	}
	all := strings.Join(paths, " ")
	t.Log(all)
	uid := os.Geteuid()
	own := fmt.Sprintf("/home/self/.docker/config.json /run/me/containers/auth.json /run/user/%d/containers/auth.json /run/containers/%[1]d/auth.json /home/self/.config/containers/auth.json", uid)
	if !strings.HasPrefix(all, own) {
		t.Errorf("files %s", all)
	}
	if caller, ok := sudoOwner(); ok != (uid == 0) || ok && !strings.Contains(all, caller.Home+"/.docker/config.json /run/user/") {
		t.Errorf("those of the caller are missing in %s", all)
	}
	t.Setenv("DOCKER_CONFIG", "/etc/docker-config")
	t.Setenv("REGISTRY_AUTH_FILE", "/etc/auth.json")
	if f := Files(); f[0].Path != "/etc/docker-config/config.json" || f[1].Path != "/etc/auth.json" {
		t.Errorf("files %s, %s", f[0].Path, f[1].Path)
	}
}
