package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"

	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state/durable"
)

// loginTimeout limits the question whether the registry accepts the credentials.
const loginTimeout = 30 * time.Second

// CheckAddress refuses the address of a repository or of an API, where login wants that of a registry.
func CheckAddress(address string) error {
	if host := Host(address); host == "" || hostOf(address) != host {
		return fmt.Errorf("%q is not the address of a registry. Write its host, like ghcr.io or registry.example.com:5000", address)
	}
	return nil
}

// Login has the registry check the credentials, and stores them in Docker's file, or where that file says that they are kept. It
// returns that place.
func Login(ctx context.Context, address string, c Credentials) (place string, err error) {
	if err := verify(ctx, Host(address), c, HostsDir); err != nil {
		return "", err
	}
	return store(ctx, DockerFile(), currentOwner(), Host(address), &c)
}

// Logout removes the credentials of the registry from Docker's file, or from where that file says that they are kept. removed says
// that there were any.
func Logout(ctx context.Context, address string) (place string, removed bool, err error) {
	file := DockerFile()
	owner := currentOwner()
	found, err := NewFile(file, owner).find(ctx, Host(address), "")
	if err != nil || found == nil {
		return file, false, err
	}
	place, err = store(ctx, file, owner, Host(address), nil)
	return place, true, err
}

// verify asks the registry for its API with the credentials.
func verify(ctx context.Context, host string, given Credentials, hostsDir string) error {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	given.Source = "the command line"
	keys := NewKeyring([]Given{{Address: host, Username: given.Username, Source: given.Source, Password: func() (string, error) { return given.Secret, nil }}}, nil)
	c := newClient(ctx, keys, host, hostsDir)
	resp, err := c.get(ctx, "/")
	if err == nil {
		defer resp.Body.Close()
		switch {
		case resp.StatusCode < http.StatusBadRequest:
			return nil
		case resp.StatusCode == http.StatusNotFound:
			return &Error{RegistryFailure: *failure(plan.RegistryOther, fmt.Sprintf("%s has no API of a registry: it answers %s", host, statusText(resp.StatusCode)), "Check the address")}
		}
		err = remoteerrors.NewUnexpectedStatusErr(resp)
	}
	var failed *Error
	if err = c.Explain(ctx, err); errors.As(err, &failed) && (failed.Cause == plan.RegistryRejected || failed.Cause == plan.RegistryDenied) {
		failed.Text, failed.Remedy = fmt.Sprintf("%s rejects the user name %s or the password%s", host, given.Username, c.says()), "Check both. Some registries want a token instead of the password"
	}
	return err
}

// says returns the words of the last answer as the end of a sentence.
func (c *Client) says() string {
	a, _ := c.lastAnswer(nil)
	return c.redact(a.says())
}

// store writes the credentials to Docker's file at path, or to the credential helper that it names; nil removes them. Other fields of
// the file stay as they are.
func store(ctx context.Context, path string, owner Owner, host string, c *Credentials) (place string, err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	data, err := readFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the credentials of registries: %w", err)
	}
	fields, auths := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	var known content
	for _, into := range []any{&fields, &known} {
		if err := json.Unmarshal(data, into); len(data) > 0 && err != nil {
			return "", fmt.Errorf("%s is no configuration of Docker: %w. Correct it, or remove it", path, err)
		}
	}
	if raw := fields["auths"]; raw != nil {
		if err := json.Unmarshal(raw, &auths); err != nil {
			return "", fmt.Errorf("%s is no configuration of Docker: auths: %w. Correct it, or remove it", path, err)
		}
	}
	for key := range auths {
		if hostOf(key) == host {
			delete(auths, key)
		}
	}
	place = path
	if name := known.helper(host); name != "" {
		h := &helper{name: name, owner: owner, file: path}
		place = "the credential helper " + h.program()
		if c == nil {
			err = h.erase(ctx, Key(host))
		} else {
			err = h.store(ctx, Key(host), *c)
			auths[Key(host)] = json.RawMessage("{}") // as Docker notes who is logged in
		}
		if err != nil {
			return "", err
		}
	} else if c != nil {
		entry, err := json.Marshal(map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Secret))})
		if err != nil {
			return "", err
		}
		auths[Key(host)] = entry
	}
	if fields["auths"], err = json.Marshal(auths); err != nil {
		return "", err
	}
	return place, writeFields(path, owner, fields)
}

// writeFields writes Docker's file in one step, readable for its owner only.
func writeFields(path string, owner Owner, fields map[string]json.RawMessage) error {
	text, err := json.MarshalIndent(fields, "", "\t")
	if err != nil {
		return err
	}
	const private, privateDir fs.FileMode = 0o600, 0o700
	if err := os.MkdirAll(filepath.Dir(path), privateDir); err != nil {
		return fmt.Errorf("store the credentials: %w", err)
	}
	uid, gid := owner.UID, owner.GID
	if info, err := os.Stat(path); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			uid, gid = int(stat.Uid), int(stat.Gid)
		}
	}
	if err := durable.WriteFileFor(path, append(text, '\n'), private, uid, gid); err != nil {
		return fmt.Errorf("store the credentials: %w", err)
	}
	return nil
}
