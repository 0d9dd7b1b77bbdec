package executor

import "github.com/kukeon/kuke/executor/internal/registry"

// keys returns the credentials for the registries of a containerd namespace.
func (e *Executor) keys(namespace string) *registry.Keyring { return e.registries.Keys(namespace) }
