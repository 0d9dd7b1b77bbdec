package secrets

import (
	"encoding/json"
	"os"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/executor/internal/spec"
	"github.com/kukeon/kuke/planner/state"
)

// MadeFrom returns the spec in the record that containerd keeps with a container, nil where it can't be read. Where the key
// of the state is new, it seals the values again.
func (s *Vault) MadeFrom(p resource.Path, id string, i *spec.Inspection) (*resource.Container, error) {
	spec := new(resource.Container)
	if json.Unmarshal(i.Record, spec) != nil {
		return nil, nil
	}
	return s.Reseal(p, id, spec, i.Spec.Process)
}

// Reseal returns the spec of a container with the values of its process sealed with the key of the state, if that is new:
// else they already are. Values that the process doesn't have stay as they are, and the next apply seals them.
func (s *Vault) Reseal(p resource.Path, id string, spec *resource.Container, process *specs.Process) (*resource.Container, error) {
	key, err := s.loadKey()
	if err != nil || !s.fresh || process == nil {
		return spec, err
	}
	args := process.Args[max(0, len(process.Args)-len(spec.Args)):]
	again, err := spec.MapTexts(func(leaf, text string) (string, error) {
		plain, ok := "", false
		switch leaf {
		case "healthcheck.exec":
		case "command":
			if ok = len(process.Args) > 0; ok {
				plain = process.Args[0]
			}
		case "args":
			if ok = len(args) > 0; ok {
				plain, args = args[0], args[1:]
			}
		default:
			plain, ok = valueOf(process.Env, leaf)
		}
		if !ok || !resource.IsSealed(text) {
			return text, nil
		}
		return key.Seal(plain), nil
	})
	if err != nil {
		return nil, err
	}
	again.Secrets = slices.Clone(spec.Secrets)
	at := &state.Record{Path: p, Status: state.Status{ContainerID: id}}
	for n, secret := range again.Secrets {
		if resource.CheckName(secret.Name) != nil {
			continue
		}
		if value, err := os.ReadFile(fileOf(at, secret)); err == nil {
			again.Secrets[n].Digest = key.Seal(string(value))
		}
	}
	return again, nil
}

// valueOf returns the value of the variable of the leaf.
func valueOf(env []string, leaf string) (string, bool) {
	for _, pair := range slices.Backward(env) {
		if name, value, err := resource.ParsePair(pair); err == nil && resource.EnvLeaf(name) == leaf {
			return value, true
		}
	}
	return "", false
}

// KeyLost reports whether the state has no key. Sealed texts that it holds are then of a lost one.
func (s *Vault) KeyLost() (bool, error) {
	_, err := s.loadKey()
	return s.fresh, err
}
