package executor

import (
	"fmt"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/registry"
	"github.com/kukeon/kuke/planner/plan"
	"github.com/kukeon/kuke/planner/state"
)

// keys returns the credentials for the registries of a containerd namespace: those of its realm, and those of Docker's and Podman's
// files.
func (e *Executor) keys(namespace string) *registry.Keyring { return e.registries.Keys(namespace) }

// KnowRealms has pulls use the credentials of the recorded realms. Those of a configuration, see [Executor.Seal], come before them.
func (e *Executor) KnowRealms(prior *state.State) {
	for p, r := range prior.Records {
		if realm, ok := r.Spec.(*resource.Realm); ok && !e.sealedRealms[p] {
			e.giveKeys(r.Status.Namespace, p, realm)
		}
	}
}

// knowChanges has pulls use the credentials of the realms that the plan creates and updates.
func (e *Executor) knowChanges(p *plan.Plan) {
	for _, c := range p.Changes {
		if c.After == nil {
			continue
		}
		if realm, ok := c.After.Spec.(*resource.Realm); ok {
			e.giveKeys(c.After.Status.Namespace, c.Path, realm)
		}
	}
}

// sealRealm gives the credentials of a configured realm, and makes the paths in them absolute.
func (e *Executor) sealRealm(r *resource.Resource) error {
	realm, err := e.secrets.AbsolutePasswords(r)
	if err != nil {
		return err
	}
	r.Spec = realm
	if !r.External {
		e.sealedRealms[r.Path] = true
		e.giveKeys(resource.NamespaceOf(r.Path, realm), r.Path, realm)
	}
	return nil
}

func (e *Executor) giveKeys(namespace string, p resource.Path, realm *resource.Realm) {
	var given []registry.Given
	for _, c := range realm.RegistryCredentials {
		given = append(given, registry.Given{
			Address: c.ServerAddress, Username: c.Username,
			Source:   fmt.Sprintf("the registryCredentials for %s of realm %s", c.ServerAddress, p),
			Password: func() (string, error) { return e.secrets.Password(c) },
		})
	}
	e.registries.Give(namespace, given)
}
