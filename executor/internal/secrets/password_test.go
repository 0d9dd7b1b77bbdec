package secrets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kukeon/kuke/config/resource"
	"github.com/kukeon/kuke/planner/state"
)

func TestPassword(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("from-a-file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := New(state.NewStore(t.TempDir()), Sources{Dir: dir, Variables: map[string]string{"SET": "from-a-variable", "EMPTY": "\n"}})
	r := &resource.Resource{Path: "main", Spec: &resource.Realm{RegistryCredentials: []resource.RegistryCredential{
		{ServerAddress: "a", PasswordFromFile: "token"}, {ServerAddress: "b", PasswordFromEnv: "SET"},
	}}}
	realm, err := v.AbsolutePasswords(r)
	if err != nil {
		t.Fatal(err)
	}
	if file := realm.RegistryCredentials[0].PasswordFromFile; file != filepath.Join(dir, "token") {
		t.Errorf("the file is %s", file)
	}
	if r.Spec.(*resource.Realm).RegistryCredentials[0].PasswordFromFile != "token" {
		t.Error("the spec of the configuration has changed")
	}
	for i, want := range []string{"from-a-file", "from-a-variable"} {
		if got, err := v.Password(realm.RegistryCredentials[i]); err != nil || got != want {
			t.Errorf("password %q, %v", got, err)
		}
		if text := v.RedactText("it is " + want); strings.Contains(text, want) {
			t.Errorf("the output shows %q", text)
		}
	}
	for _, c := range []resource.RegistryCredential{{PasswordFromEnv: "UNSET"}, {PasswordFromEnv: "EMPTY"}, {PasswordFromFile: filepath.Join(dir, "missing")}} {
		if got, err := v.Password(c); err == nil {
			t.Errorf("password %q of %+v", got, c)
		} else {
			t.Log(err)
		}
	}
}
