package secrets

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kukeon/kuke/config/resource"
)

// Password reads a password for a registry, without the line break at its end. Every output of the vault hides it.
func (s *Vault) Password(c resource.RegistryCredential) (string, error) {
	value, err := s.readOnce(resource.Secret{FromEnv: c.PasswordFromEnv, FromFile: c.PasswordFromFile})
	if err != nil {
		return "", err
	}
	if value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r"); value == "" {
		return "", errors.New("its password is empty")
	}
	s.Withhold([]string{value})
	return value, nil
}

// AbsolutePasswords returns the spec of a realm with absolute paths of the files with passwords: the record must hold in any working
// directory.
func (s *Vault) AbsolutePasswords(r *resource.Resource) (*resource.Realm, error) {
	realm := *r.Spec.(*resource.Realm)
	realm.RegistryCredentials = slices.Clone(realm.RegistryCredentials)
	for i := range realm.RegistryCredentials {
		c := &realm.RegistryCredentials[i]
		if c.PasswordFromFile == "" {
			continue
		}
		file, err := s.sources.abs(r.PasswordFile(*c))
		if err != nil {
			return nil, fmt.Errorf("find the file of the password for %s of %s: %w", c.ServerAddress, r.Path, err)
		}
		c.PasswordFromFile = file
	}
	return &realm, nil
}
