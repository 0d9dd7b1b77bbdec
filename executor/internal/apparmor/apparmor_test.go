package apparmor

import (
	"maps"
	"os"
	"testing"
)

func TestParseProfiles(t *testing.T) {
	got := parseProfiles("kukeon-default (enforce)\nlsb_release (complain)\n/usr/bin/man (enforce)\nodd (name) (kill)\n")
	want := map[string]bool{"kukeon-default": true, "lsb_release": true, "/usr/bin/man": true, "odd (name)": true}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWithoutMode(t *testing.T) {
	for line, want := range map[string]string{
		"kukeon-default (enforce)\n": "kukeon-default", "unconfined\n": Unconfined, "unconfined\x00": Unconfined, "": "",
	} {
		if got := withoutMode(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// A host without AppArmor has no profiles, and none can be loaded; with it a process always has a label.
func TestHost(t *testing.T) {
	profiles, err := Profiles()
	if err != nil {
		t.Fatal(err)
	}
	label := Label(os.Getpid())
	if Enforced() != (profiles != nil) || Enforced() != (label != "") {
		t.Errorf("enforced %v, but profiles %v and label %q", Enforced(), profiles, label)
	}
	if !Enforced() {
		if err := Load("kuke-test"); err != nil {
			t.Error(err)
		}
	}
}
