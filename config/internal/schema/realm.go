package schema

import (
	"fmt"

	"github.com/kukeon/kuke/config/internal/validate"
	"github.com/kukeon/kuke/config/resource"
)

// validateRegistryCredentials checks that each password comes from one place.
func validateRegistryCredentials(r *resource.Resource, realm *resource.Realm, f *Spelling, diags *resource.Diagnostics) {
	const summary = "Invalid registry credentials"
	fields := resource.KindRealm.Attribute("registryCredentials").Fields
	fromEnv := f.attribute(resource.FindAttribute(fields, "passwordFromEnv"))
	fromFile := f.attribute(resource.FindAttribute(fields, "passwordFromFile"))
	for _, c := range realm.RegistryCredentials {
		prefix := fmt.Sprintf("registryCredentials[%q]", c.ServerAddress)
		_, refused := r.Ranges[prefix+".password"]
		switch {
		case refused:
		case c.PasswordFromEnv == "" && c.PasswordFromFile == "":
			diags.Errorf(r.RangeOf(prefix), r.Path, summary, "The credentials for %s don't say where the password comes from. Set exactly one of %s and %s.", c.ServerAddress, fromEnv, fromFile)
		case c.PasswordFromEnv != "" && c.PasswordFromFile != "":
			diags.Errorf(r.RangeOf(prefix), r.Path, summary, "The credentials for %s set %s and %s. Keep exactly one of them.", c.ServerAddress, fromEnv, fromFile)
		case c.PasswordFromEnv != "":
			if err := validate.Variable(c.PasswordFromEnv); err != nil {
				diags.Errorf(r.RangeOf(prefix+".passwordFromEnv"), r.Path, summary, "%s: %v.", fromEnv, err)
			}
		}
	}
}
