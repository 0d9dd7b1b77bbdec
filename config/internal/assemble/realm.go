package assemble

import (
	"strings"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/internal/schema"
	"github.com/kukeon/kuke/config/resource"
)

// validateRealms sees that every realm has a namespace that containerd takes and shares with no other realm.
func validateRealms(decls []*schema.Declaration, diags *resource.Diagnostics) {
	owners := map[string]*resource.Resource{}
	for r, spec := range specs[*resource.Realm](decls) {
		at := r.RangeOf("namespace")
		namespace := resource.NamespaceOf(r.Path, spec)
		if !isIdentifier(namespace) {
			diags.Errorf(at, r.Path, "Invalid namespace", "containerd can't name a namespace %q: it takes letters, digits and, singly between them, \".\", \"_\" and \"-\", at most %d characters. Set namespace to a name of that form.", message.Shorten(namespace), maxIdentifier)
			continue
		}
		if other := owners[namespace]; other != nil {
			diags.Errorf(at, r.Path, "Duplicate namespace", "The realms %s (%s) and %s would share the containerd namespace %q. Give one of them another.", other.Path, other.RangeOf("namespace"), r.Path, namespace)
			continue
		}
		owners[namespace] = r
		if namespace == resource.NamespaceOf(r.Path, nil) {
			spec.Namespace = "" // normal form: to write the default out changes nothing
		}
	}
}

// maxIdentifier is the longest identifier containerd takes.
const maxIdentifier = 76

// isIdentifier reports whether containerd takes s as an identifier.
func isIdentifier(s string) bool {
	if len(s) == 0 || len(s) > maxIdentifier {
		return false
	}
	alphanumeric := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for i := range len(s) {
		if alphanumeric(s[i]) {
			continue
		}
		if !strings.ContainsRune("._-", rune(s[i])) || i == 0 || i == len(s)-1 || !alphanumeric(s[i-1]) {
			return false
		}
	}
	return true
}
