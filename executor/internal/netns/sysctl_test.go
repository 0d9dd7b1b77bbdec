package netns

import (
	"os"
	"strings"
	"testing"
)

func TestSysctls(t *testing.T) {
	path := pinned(t)
	read := func(name string) string {
		t.Helper()
		var data []byte
		if err := Do(path, func() (err error) {
			data, err = os.ReadFile(sysctlFile(name))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(string(data)), " ")
	}
	for _, d := range defaults {
		if got := read(d.name); got != d.value {
			t.Errorf("%s is %q, not %q", d.name, got, d.value)
		}
	}
	names := []string{"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_default_ttl", "net.ipv4.conf.eth0.no_such"}
	before := read(names[1])
	if err := Do(path, func() error {
		for _, name := range names[:2] {
			if err := os.WriteFile(sysctlFile(name), []byte("77"), 0o644); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if got := read(names[1]); got != "77" {
		t.Fatalf("%s is %q", names[1], got)
	}
	if err := Reset(path, names); err != nil {
		t.Fatal(err)
	}
	if got := read(names[0]); got != "0" {
		t.Errorf("%s is %q after the reset", names[0], got)
	}
	if got := read(names[1]); got != before {
		t.Errorf("%s is %q after the reset, not %q", names[1], got, before)
	}
	for name, want := range map[string]bool{
		"net.ipv4.ip_default_ttl": true, "net.ipv4.conf.eth0.accept_local": true, "net.ipv4.no_such": false, "net.ipv4.conf.eth0.no_such": false,
	} {
		for range 2 { // the second answer is a known one
			if can, err := Settable(name); err != nil || can != want {
				t.Errorf("%s: %v, %v", name, can, err)
			}
		}
	}
	nobodyIn(t, path)
}
