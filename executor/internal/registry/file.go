package registry

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// maxFile is the maximum size of a file with credentials, in bytes.
const maxFile = 4 << 20

// File is a file with credentials in Docker's format, which Podman has too.
type File struct {
	Path string
	// Owner is the user that the credential helpers run as.
	Owner Owner

	read func() (*content, error)
}

// NewFile returns the file at path, which need not exist.
func NewFile(path string, owner Owner) *File {
	f := &File{Path: path, Owner: owner}
	f.read = sync.OnceValues(func() (*content, error) { return readContent(path) })
	return f
}

// content are the fields of the file that kuke reads.
type content struct {
	Auths       map[string]entry  `json:"auths"`
	CredHelpers map[string]string `json:"credHelpers"`
	CredsStore  string            `json:"credsStore"`
}

type entry struct {
	// Auth is user:password in base64.
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
}

func readContent(path string) (*content, error) {
	data, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNoDirectory) {
		return &content{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the credentials of registries: %w", err)
	}
	var c content
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("%s is no configuration of Docker: %w. Correct it, or remove it and log in again", path, err)
	}
	return &c, nil
}

// errNoDirectory: a part of the path is a file, so that the path does not exist.
var errNoDirectory = errors.New("not a directory")

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil && strings.HasSuffix(err.Error(), errNoDirectory.Error()):
		return nil, errNoDirectory
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return os.ReadFile(path)
}

func (f *File) exists() bool {
	info, err := os.Stat(f.Path)
	return err == nil && info.Mode().IsRegular()
}

// find returns the credentials of the file for a repository, nil where it has none: those of the credential helper of the
// registry, of the one for all registries, and of the file itself.
func (f *File) find(ctx context.Context, host, repository string) (*Credentials, error) {
	c, err := f.read()
	if err != nil {
		return nil, err
	}
	if name := c.helper(host); name != "" {
		found, err := (&helper{name: name, owner: f.Owner, file: f.Path}).get(ctx, Key(host))
		if found != nil || err != nil {
			return found, err
		}
	}
	for _, address := range addresses(host, repository) {
		for key, e := range c.Auths {
			if hostOf(key) != address {
				continue
			}
			found, err := e.credentials(f.Path)
			if err != nil {
				return nil, fmt.Errorf("%s: the entry %q: %w. Log in again: kuke login %s", f.Path, key, err, Host(host))
			}
			if found != nil {
				return found, nil
			}
		}
	}
	return nil, nil
}

// helper returns the name of the credential helper for the registry, or "".
func (c *content) helper(host string) string {
	for key, name := range c.CredHelpers {
		if hostOf(key) == hostOf(host) {
			return name
		}
	}
	return c.CredsStore
}

// credentials returns those of the entry, nil where it is empty: a credential helper has them.
func (e entry) credentials(source string) (*Credentials, error) {
	c := &Credentials{Username: e.Username, Secret: e.Password, Source: source}
	if e.Auth != "" {
		data, err := base64.StdEncoding.DecodeString(e.Auth)
		if err != nil {
			return nil, errors.New("auth is not in base64")
		}
		user, password, ok := strings.Cut(string(data), ":")
		if !ok {
			return nil, errors.New("auth is not of the form user:password")
		}
		c.Username, c.Secret = user, strings.Trim(password, "\x00")
	}
	if e.IdentityToken != "" {
		c.Username, c.Secret = "", e.IdentityToken
	}
	if c.Secret == "" {
		return nil, nil
	}
	return c, nil
}

// Key returns the name that Docker's files and credential helpers have for a registry.
func Key(host string) string {
	if host = Host(host); host == hub {
		return hubKey
	}
	return host
}

// Files returns the files with credentials, in order: those of the user of this process, and then those of the user who has become
// root with sudo.
func Files() []*File {
	self := currentOwner()
	files := []*File{NewFile(DockerFile(), self)}
	if file := os.Getenv("REGISTRY_AUTH_FILE"); file != "" {
		files = append(files, NewFile(file, self))
	}
	files = append(files, podmanFiles(self, os.Getenv("XDG_RUNTIME_DIR"), os.Getenv("XDG_CONFIG_HOME"))...)
	if caller, ok := sudoOwner(); ok {
		files = append(files, NewFile(filepath.Join(caller.Home, ".docker", "config.json"), caller))
		files = append(files, podmanFiles(caller, "", "")...)
	}
	return files
}

// DockerFile returns the path of Docker's file, which login writes.
func DockerFile() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	return filepath.Join(currentOwner().Home, ".docker", "config.json")
}

// podmanFiles returns the files of Podman, Buildah and Skopeo. runtime and config are the user's directories, empty for the defaults.
func podmanFiles(o Owner, runtime, config string) []*File {
	if config == "" {
		config = filepath.Join(o.Home, ".config")
	}
	var dirs []string
	if runtime != "" {
		dirs = append(dirs, filepath.Join(runtime, "containers"))
	}
	dirs = append(dirs, fmt.Sprintf("/run/user/%d/containers", o.UID), fmt.Sprintf("/run/containers/%d", o.UID), filepath.Join(config, "containers"))
	var files []*File
	seen := map[string]bool{}
	for _, dir := range dirs {
		if path := filepath.Join(dir, "auth.json"); !seen[path] {
			seen[path] = true
			files = append(files, NewFile(path, o))
		}
	}
	return files
}
