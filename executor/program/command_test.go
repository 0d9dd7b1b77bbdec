package program

import (
	"strings"
	"testing"
)

func TestCommandSeesNoSecrets(t *testing.T) {
	t.Setenv("KUKE_VAR_password", "geheim")
	t.Setenv("PATH", "/usr/bin:/bin")
	out, err := Command(t.Context(), "env").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(string(out)), "PATH=/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"; got != want {
		t.Errorf("environment %q, want %q", got, want)
	}
}
