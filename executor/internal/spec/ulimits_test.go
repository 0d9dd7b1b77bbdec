package spec

import (
	"math"
	"reflect"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/kukeon/kuke/config/resource"
)

func generated(t *testing.T, c *resource.Container) *specs.Spec {
	t.Helper()
	s, err := generate(t, Options{ID: "a", Spec: c, Hostname: "cell", NetNSPath: "/run/x"}, ocispec.ImageConfig{Cmd: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func described(s *specs.Spec) *resource.Container {
	return Describe(&Inspection{Spec: s, Config: ocispec.ImageConfig{Cmd: []string{"x"}}}, func(string) bool { return false }).Spec
}

func TestUlimits(t *testing.T) {
	hard := min(defaultHardNofile, MaxOpenFiles())
	nofile := specs.POSIXRlimit{Type: "RLIMIT_NOFILE", Soft: min(1024, hard), Hard: hard}
	for _, tc := range []struct {
		ulimits map[string]string
		want    []specs.POSIXRlimit
	}{
		{nil, []specs.POSIXRlimit{nofile}},
		{map[string]string{"nofile": "10:20"}, []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 20}}},
		{map[string]string{"memlock": "-1:-1", "core": "0:7"}, []specs.POSIXRlimit{
			nofile, {Type: "RLIMIT_CORE", Soft: 0, Hard: 7}, {Type: "RLIMIT_MEMLOCK", Soft: math.MaxUint64, Hard: math.MaxUint64},
		}},
	} {
		s := generated(t, &resource.Container{Runtime: resource.Runtime{Ulimits: tc.ulimits}})
		if !reflect.DeepEqual(s.Process.Rlimits, tc.want) {
			t.Errorf("%v: %+v, want %+v", tc.ulimits, s.Process.Rlimits, tc.want)
		}
		if got := described(s).Ulimits; !reflect.DeepEqual(got, tc.ulimits) {
			t.Errorf("described as %v, want %v", got, tc.ulimits)
		}
	}
}

// Annotations of users don't hide those of kuke, and are described without them.
func TestAnnotations(t *testing.T) {
	o := Options{ID: "a", Spec: &resource.Container{Runtime: resource.Runtime{Annotations: map[string]string{"a": "1"}}}, Annotations: map[string]string{"kukeon.io/path": "p"}}
	s, err := generate(t, o, ocispec.ImageConfig{Cmd: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"a": "1", "kukeon.io/path": "p"}; !reflect.DeepEqual(s.Annotations, want) {
		t.Errorf("annotations %v, want %v", s.Annotations, want)
	}
	if got := described(s).Annotations; !reflect.DeepEqual(got, o.Spec.Annotations) {
		t.Errorf("described as %v", got)
	}
	i := &Inspection{Spec: s, Labels: map[string]string{"a": "1"}}
	if got := Describe(i, func(string) bool { return false }).Spec.Annotations; got != nil {
		t.Errorf("a label is described as an annotation: %v", got)
	}
}
