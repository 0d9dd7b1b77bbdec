package registry

import "sync"

// Access has the credentials for registries of all containerd namespaces.
type Access struct {
	files  []*File
	shared *Keyring

	mu    sync.Mutex
	rings map[string]*Keyring
}

// NewAccess returns the access with the credentials of the files.
func NewAccess(files []*File) *Access {
	return &Access{files: files, shared: NewKeyring(nil, files), rings: map[string]*Keyring{}}
}

// Give gives a namespace credentials, which come before those of the files, instead of those that it was given before.
func (a *Access) Give(namespace string, given []Given) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.rings, namespace)
	if len(given) > 0 {
		a.rings[namespace] = NewKeyring(given, a.files)
	}
}

// Keys returns the keyring of a namespace. Namespaces without credentials of their own share one.
func (a *Access) Keys(namespace string) *Keyring {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k := a.rings[namespace]; k != nil {
		return k
	}
	return a.shared
}
