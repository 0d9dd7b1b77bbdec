package spec

import (
	"slices"
	"testing"

	"github.com/kukeon/kuke/config/resource"
)

// Options of a tmpfs leave the defaults that they don't contradict, and are described as they were written.
func TestTmpfsOptions(t *testing.T) {
	for _, tc := range []struct{ options, want, described []string }{
		{want: []string{"nosuid", "nodev", "noexec"}},
		{[]string{"mode=755"}, []string{"nosuid", "nodev", "noexec", "mode=755"}, []string{"mode=755"}},
		{[]string{"exec", "ro"}, []string{"nosuid", "nodev", "exec", "ro"}, []string{"exec", "ro"}},
		{[]string{"dev", "exec", "suid"}, []string{"dev", "exec", "suid"}, []string{"dev", "exec", "suid"}},
		{[]string{"nodev", "noexec", "nosuid"}, []string{"nodev", "noexec", "nosuid"}, nil},
		{[]string{"noexec", "uid=7"}, []string{"nosuid", "nodev", "noexec", "uid=7"}, []string{"uid=7"}},
	} {
		s := generated(t, &resource.Container{Tmpfs: []resource.Tmpfs{{Path: "/run", Options: tc.options}}})
		if got := s.Mounts[len(s.Mounts)-1].Options; !slices.Equal(got, tc.want) {
			t.Errorf("%v: mounted with %v, want %v", tc.options, got, tc.want)
		}
		if got := described(s).Tmpfs; len(got) != 1 || !slices.Equal(got[0].Options, tc.described) {
			t.Errorf("%v: described as %+v, want %v", tc.options, got, tc.described)
		}
	}
	// A mount by another program, without the defaults.
	s := generated(t, &resource.Container{Tmpfs: []resource.Tmpfs{{Path: "/run"}}})
	s.Mounts[len(s.Mounts)-1].Options = []string{"nosuid"}
	if got := described(s).Tmpfs[0].Options; !slices.Equal(got, []string{"dev", "exec"}) {
		t.Errorf("described as %v", got)
	}
}
