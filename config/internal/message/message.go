package message

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// Bug is the title of a diagnostic that should never be seen.
const Bug = "Bug in kuke"

// Shorten keeps s readable in a message.
func Shorten(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-20]) + "…" + string(runes[len(runes)-19:])
	}
	return s
}

// Stop ends a message with a full stop, where it has no end yet.
func Stop(err error) string {
	if s := err.Error(); strings.HasSuffix(s, "?") || strings.HasSuffix(s, ".") {
		return s
	}
	return err.Error() + "."
}

// Sentence turns an error's text into the beginning of a sentence.
func Sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// Or returns s, or other where s is empty.
func Or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

var separators = strings.NewReplacer("_", "", "-", "")

// Suggest returns " Did you mean …?" with the name that is closest to wrong, or "" when none is close.
func Suggest(wrong string, names []string) string {
	if len(wrong) > 64 || len(names) > 1000 { // it would take longer than to look it up
		return ""
	}
	simple := func(s string) string { return strings.ToLower(separators.Replace(s)) }
	best, least := "", len(wrong)/3+2
	for _, name := range names {
		distance := levenshtein.Distance(simple(wrong), simple(name), nil)
		if plain, other := simple(wrong), simple(name); plain+"s" == other || other+"s" == plain {
			distance = 0
		}
		if distance < least {
			best, least = name, distance
		}
	}
	if best == "" || least >= len(best) {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}
