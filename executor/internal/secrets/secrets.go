// Package secrets keeps the values of secrets and all other sensitive values.
//
// The state, plans and labels hold sealed texts, which are keyed digests: they show that a value has changed, and nothing
// else. The values are in memory for the life of the process, and those of secrets in files below /run, for the containers
// that they are mounted into. No error holds a value: see [Vault.Redact].
package secrets

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// maxSize is the maximum size of the value of a secret, in bytes.
const maxSize = 1 << 20

// Vault holds the values of sealed texts in memory, for the life of the process.
type Vault struct {
	store   *state.Store
	sources Sources

	mu sync.Mutex
	// key is loaded when it is first needed; fresh says that the state doesn't have it.
	key   resource.SealKey
	fresh bool
	// values holds the values by their sealed texts; given the leaves that a configuration gave values to.
	values map[string]string
	given  map[string]bool
	// withheld are texts that no output may show, and of which values are made.
	withheld []string
	// redacted are the spellings that [Vault.RedactText] removes; nil once there is another value or text.
	redacted []string
	// read holds the values of secrets by their sources: a pipe can be read only once. reading is held meanwhile.
	read    map[resource.Secret]string
	reading sync.Mutex
	// unreadable holds the reason for each secret that could not be read.
	unreadable map[plan.SecretKey]string

	// files is held while files of secrets and their directories are made or removed.
	files sync.Mutex
}

// Sources are the files and the variables that secrets are read from. The zero value is those of this process.
type Sources struct {
	// Dir is the directory that relative paths begin in; empty for the working directory.
	Dir string
	// Root is the directory that holds the files: /x is Root/x.
	Root string
	// Variables are the environment; nil for that of this process.
	Variables map[string]string
}

// abs returns the absolute path of a file.
func (s Sources) abs(path string) (string, error) {
	if s.Dir == "" || filepath.IsAbs(path) {
		return filepath.Abs(path)
	}
	return filepath.Join(s.Dir, path), nil
}

func (s Sources) variable(name string) (value string, set bool) {
	if s.Variables == nil {
		return os.LookupEnv(name)
	}
	value, set = s.Variables[name]
	return value, set
}

// open opens a file. Its error names the path as it is given.
func (s Sources) open(path string) (*os.File, error) {
	f, err := os.Open(filepath.Join(s.Root, path))
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		failed.Path = path
	}
	return f, err
}

// New returns a vault for the state, without a value.
func New(store *state.Store, from Sources) *Vault {
	return &Vault{store: store, sources: from, values: map[string]string{}, read: map[resource.Secret]string{}, given: map[string]bool{}, unreadable: map[plan.SecretKey]string{}}
}

// loadKey returns the state's key, or where it has none, a new one: planning writes nothing.
func (s *Vault) loadKey() (resource.SealKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != nil {
		return s.key, nil
	}
	key, err := s.store.Key()
	if err != nil {
		return nil, err
	}
	if key == nil {
		key, s.fresh = make(resource.SealKey, resource.SealKeySize), true
		_, _ = rand.Read(key) // it never fails
	}
	s.key = key
	return key, nil
}

// seal returns the sealed text of value, and keeps the value.
func (s *Vault) seal(value string) (string, error) {
	key, err := s.loadKey()
	if err != nil {
		return "", err
	}
	sealed := key.Seal(value)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[sealed], s.redacted = value, nil
	return sealed, nil
}

// Open returns the value of a sealed text, and any other text as it is.
func (s *Vault) Open(text string) (value string, ok bool) {
	if !resource.IsSealed(text) {
		return text, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok = s.values[text]
	return value, ok
}

// Values returns all values by their sealed texts, for [Vault.Learn] of another process.
func (s *Vault) Values() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.values)
}

// Learn keeps values by their sealed texts.
func (s *Vault) Learn(values map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.values, values)
	s.redacted = nil
}

// Unseal returns the spec with its values, from which a process is made.
func (s *Vault) Unseal(p resource.Path, c *resource.Container) (*resource.Container, error) {
	return c.MapTexts(func(leaf, text string) (string, error) {
		value, ok := s.Open(text)
		if !ok && leaf != "healthcheck.exec" { // it is no part of the process
			return "", UnknownValue(p, leaf)
		}
		return value, nil
	})
}

// UnknownValue is the error for a value that is needed, but known only by its sealed text.
func UnknownValue(p resource.Path, leaf string) error {
	var l lacks
	l.add(p, leaf)
	return l.unknown()
}

// SealContainer returns the spec of a container with sealed texts for all sensitive values, and reads the values of its
// secrets. [Vault.Unreadable] holds those that can't be read.
func (s *Vault) SealContainer(r *resource.Resource) (*resource.Container, error) {
	sealed, err := r.Spec.(*resource.Container).MapTexts(func(leaf, text string) (string, error) {
		if !r.Sensitive[leaf] || resource.IsSealed(text) {
			return text, nil
		}
		s.mu.Lock()
		s.given[string(r.Path)+" "+leaf] = true
		s.mu.Unlock()
		return s.seal(text)
	})
	if err != nil {
		return nil, err
	}
	sealed.Secrets = append([]resource.Secret(nil), sealed.Secrets...)
	for i := range sealed.Secrets {
		secret := &sealed.Secrets[i]
		if secret.FromFile != "" && !filepath.IsAbs(secret.FromFile) {
			// It is relative to the file of the configuration. The record must hold in any working directory.
			if secret.FromFile, err = s.sources.abs(r.SecretFile(*secret)); err != nil {
				return nil, fmt.Errorf("find the file of the secret %s of %s: %w", secret.Name, r.Path, err)
			}
		}
		value, err := s.readOnce(*secret)
		if err != nil {
			s.mu.Lock()
			s.unreadable[plan.SecretKey{Container: r.Path, Name: secret.Name}] = err.Error()
			s.mu.Unlock()
			continue
		}
		if secret.Digest, err = s.seal(value); err != nil {
			return nil, err
		}
	}
	return sealed, nil
}

// Unreadable returns the reason for each secret that could not be read.
func (s *Vault) Unreadable() map[plan.SecretKey]string { return s.unreadable }

// readOnce is read, but reads each source only once.
func (s *Vault) readOnce(secret resource.Secret) (string, error) {
	source := resource.Secret{FromEnv: secret.FromEnv, FromFile: secret.FromFile}
	s.reading.Lock()
	defer s.reading.Unlock()
	if value, ok := s.read[source]; ok {
		return value, nil
	}
	value, err := s.sources.read(source)
	if err == nil {
		s.read[source] = value
	}
	return value, err
}

// read returns the whole value of a secret, trailing newlines included, from its source. The error never holds a part of it.
func (from Sources) read(s resource.Secret) (string, error) {
	if s.FromEnv != "" {
		value, set := from.variable(s.FromEnv)
		switch {
		case !set:
			return "", fmt.Errorf("its environment variable %s is not set. Set it for kuke", s.FromEnv)
		case len(value) > maxSize:
			return "", fmt.Errorf("its environment variable %s holds more than %d MiB", s.FromEnv, maxSize>>20)
		}
		return value, nil
	}
	f, err := from.open(s.FromFile)
	if err != nil {
		return "", fmt.Errorf("its file can't be read: %w", err)
	}
	defer f.Close()
	value, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return "", fmt.Errorf("its file can't be read: %w", err)
	}
	if len(value) > maxSize {
		return "", fmt.Errorf("its file %s is larger than %d MiB", s.FromFile, maxSize>>20)
	}
	return string(value), nil
}

// PlanKey returns the key that the plan's values are sealed with, if apply must save it in the state.
func (s *Vault) PlanKey(p *plan.Plan) resource.SealKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fresh || !p.HoldsSealed() {
		return nil
	}
	return s.key
}

// UseKey sets the key of a saved plan. Call it before [Vault.SealContainer]. The error wraps [plan.ErrStale] when the state
// has another key now.
func (s *Vault) UseKey(key resource.SealKey) error {
	if key == nil {
		return nil
	}
	have, err := s.store.Key()
	if err != nil {
		return err
	}
	if have != nil && !bytes.Equal(have, key) {
		return fmt.Errorf("%w: its values are sealed with another key than the state's: plan again", plan.ErrStale)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key, s.fresh = key, have == nil
	return nil
}

// SaveKey saves the key in the state. Call it before anything is made that holds a sealed text.
func (s *Vault) SaveKey() error {
	key, err := s.loadKey()
	if err != nil || !s.fresh {
		return err
	}
	if err := s.store.SaveKey(key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fresh = false
	return nil
}

// Provide checks that every value is known that carrying out the plan takes. It reads secrets again where necessary; other
// values are those that were sealed. It changes nothing.
func (s *Vault) Provide(p *plan.Plan) error {
	var unread []error
	var unknown, differing lacks
	for _, c := range p.Changes {
		for _, leaf := range c.Needs() {
			switch {
			case leaf.Top.Name == "secrets":
				unread = append(unread, s.provideSecret(c, leaf))
			case s.hasAll(leaf):
			case s.given[string(c.Path)+" "+leaf.Name]:
				differing.add(c.Path, leaf.Name)
			default:
				unknown.add(c.Path, leaf.Name)
			}
		}
	}
	return errors.Join(append(unread, differing.differ(), unknown.unknown())...)
}

func (s *Vault) hasAll(leaf resource.Leaf) bool {
	texts, ok := leaf.Value.([]string)
	if !ok {
		texts = []string{fmt.Sprint(leaf.Value)}
	}
	return !slices.ContainsFunc(texts, func(text string) bool {
		_, ok := s.Open(text)
		return !ok
	})
}

// provideSecret reads a secret, unless its file has the planned value.
func (s *Vault) provideSecret(c *plan.Change, leaf resource.Leaf) error {
	for _, secret := range c.After.Spec.(*resource.Container).Secrets {
		if fmt.Sprintf("secrets[%q].digest", secret.Name) != leaf.Name {
			continue
		}
		if _, ok := s.Open(secret.Digest); ok {
			return nil
		}
		made := c.Action == plan.Create || c.Action == plan.Replace
		if drift, err := s.Drift(c.After, secret); !made && err == nil && drift == "" {
			return nil
		}
		value, err := s.readOnce(secret)
		if err != nil {
			return fmt.Errorf("container %s: secret %s: %w", c.Path, secret.Name, err)
		}
		if sealed, err := s.seal(value); err != nil {
			return err
		} else if sealed != secret.Digest {
			return fmt.Errorf("container %s: the value of its secret %s differs from the planned or recorded one. Plan again with the configuration", c.Path, secret.Name)
		}
	}
	return nil
}
