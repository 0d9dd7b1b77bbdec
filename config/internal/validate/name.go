package validate

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/kukeon/kuke/config/internal/message"
	"github.com/kukeon/kuke/config/resource"
)

// normalName takes the name of a resource.
func normalName(s string) (string, error) {
	if err := resource.CheckName(s); err != nil {
		return "", errors.New(err.Error() + strings.Replace(SuggestName(s), " For", "; for", 1))
	}
	return s, nil
}

// normalCell completes the path of a cell, of which the resource at from need write only the names that differ from its own.
func normalCell(from resource.Path, s string) (string, error) {
	names, depth := strings.Split(s, "/"), resource.KindCell.Depth()
	if len(names) > depth {
		return "", fmt.Errorf("%q has %d names; write the cell's own, stack/cell, space/stack/cell or realm/space/stack/cell", message.Shorten(s), len(names))
	}
	for _, name := range names {
		if _, err := normalName(name); err != nil {
			return "", err
		}
	}
	if from == "" { // its name, or one above, is wrong
		return s, nil
	}
	return strings.Join(append(from.Names()[:depth-len(names)], names...), "/"), nil
}

// SuggestName proposes a name close to s, as a sentence with a space before it, or returns "".
func SuggestName(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		return ""
	}
	name := strings.Join(NameParts(s), "-")
	if name == s || resource.CheckName(name) != nil {
		return ""
	}
	return fmt.Sprintf(" For example: %q.", name)
}

// NameParts returns the longest parts of s, in lower case, that consist of characters a name may have, save for "-".
func NameParts(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}
