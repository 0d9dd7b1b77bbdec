package validate

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/kukeon/kuke/config/internal/message"
)

// LabelKey refuses the keys of labels that kuke itself sets, and those that are none.
func LabelKey(key string) error { return ownKey(key, "a label", "labels") }

// ownKey refuses the keys of members that kuke itself sets, and those that are none. one and all name the members.
func ownKey(key, one, all string) error {
	const reserved = "kukeon.io/"
	switch {
	case key == "":
		return fmt.Errorf("the key of %s is empty; give it a name", one)
	case strings.HasPrefix(key, reserved):
		return fmt.Errorf("the key %q is reserved: kuke sets the %s below %s itself; use a domain of your own", message.Shorten(key), all, reserved)
	case strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("the key %q contains a control character; remove it", message.Shorten(key))
	}
	return nil
}
