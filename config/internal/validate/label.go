package validate

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/kukeon/kuke/config/internal/message"
)

// LabelKey refuses the keys of labels that kuke itself sets, and those that are none.
func LabelKey(key string) error {
	const reserved = "kukeon.io/"
	switch {
	case key == "":
		return errors.New("the key of a label is empty; give it a name")
	case strings.HasPrefix(key, reserved):
		return fmt.Errorf("the key %q is reserved: kuke sets the labels below %s itself; use a domain of your own", message.Shorten(key), reserved)
	case strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("the key %q contains a control character; remove it", message.Shorten(key))
	}
	return nil
}
