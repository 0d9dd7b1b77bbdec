package main

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// near returns those of the words that name may be a misspelling or the beginning of.
func near(name string, words []string) []string {
	name = strings.ToLower(name)
	const most = 2 // edits
	var found []string
	for _, word := range words {
		begins := len(name) > 1 && strings.HasPrefix(word, name)
		if begins || levenshtein.Distance(name, word, nil) <= min(most, len(name)/3) || swapped(name, word) {
			found = append(found, word)
		}
	}
	return found
}

// swapped reports whether a and b differ by two adjacent letters that have changed places.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) - 1 {
		if a[i] != b[i] {
			letters := []byte(a)
			letters[i], letters[i+1] = letters[i+1], letters[i]
			return slices.Equal(letters, []byte(b))
		}
	}
	return false
}
