package resource

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSeal(t *testing.T) {
	one, two := SealKey(strings.Repeat("1", SealKeySize)), SealKey(strings.Repeat("2", SealKeySize))
	sealed := one.Seal("hunter2")
	// The golden value: if it changed, every container with secrets would be replaced by the next release.
	if want := "sealed:hmac-sha256:c70d93e943bf27a63bbf18a95e851b941bce327fa78d8f3daf6827db91776c86"; sealed != want {
		t.Errorf("sealed as %s", sealed)
	}
	if !IsSealed(sealed) || sealed != one.Seal("hunter2") || sealed == one.Seal("hunter3") || sealed == two.Seal("hunter2") {
		t.Errorf("sealed as %s", sealed)
	}
	for _, text := range []string{"", "hunter2", "sealed:hmac-sha256:", sealed + "0", sealed[:len(sealed)-1], strings.ToUpper(sealed), sealed[:len(sealed)-1] + "g"} {
		if IsSealed(text) {
			t.Errorf("%q passes for sealed", text)
		}
	}
}

// What is sealed shows in the leaves, and nothing but the leaves that may be sensitive is touched.
func TestMapTexts(t *testing.T) {
	key := SealKey("key")
	rapid.Check(t, func(t *rapid.T) {
		before := randomSpec(t, KindContainer, "spec").(*Container)
		untouched := clone(t, before)
		sealed, err := before.MapTexts(func(_, text string) (string, error) { return key.Seal(text), nil })
		if err != nil || !reflect.DeepEqual(before, untouched) {
			t.Fatalf("%v; %+v became %+v", err, untouched, before)
		}
		was := map[string]any{}
		for _, leaf := range Leaves(before) {
			was[leaf.Name] = leaf.Value
		}
		for _, leaf := range Leaves(sealed) {
			if MayBeSensitive(leaf.Name) != leaf.Sealed() {
				t.Fatalf("%s is %v", leaf.Name, leaf.Value)
			}
			if !MayBeSensitive(leaf.Name) && !reflect.DeepEqual(was[leaf.Name], leaf.Value) {
				t.Fatalf("%s became %v", leaf.Name, leaf.Value)
			}
		}
	})
	c := &Container{Args: []string{"a", "b"}, Env: Env{"X": "x"}}
	if _, err := c.MapTexts(func(leaf, _ string) (string, error) { return "", errors.New(leaf) }); err == nil || err.Error() != `env["X"]` {
		t.Errorf("error %v", err)
	}
}
